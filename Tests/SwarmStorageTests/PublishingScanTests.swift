import Foundation
import Glibc
import Testing

@testable import SwarmStorage

/// A directory of its own for one test, removed with the value.
final class PublishingTree {
    let path: String

    init() {
        var template = Array("/tmp/shoal-publishing-XXXXXX".utf8CString)
        path = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func directory(_ name: String) {
        #expect(mkdir("\(path)/\(name)", 0o755) == 0, "mkdir \(name)")
    }

    func file(_ name: String, _ bytes: [UInt8] = [1]) {
        let descriptor = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        #expect(descriptor >= 0, "create \(name)")
        var offset = 0
        while offset < bytes.count {
            let count = bytes[offset...].withUnsafeBytes {
                write(descriptor, $0.baseAddress, $0.count)
            }
            guard count > 0 else {
                Issue.record("write \(name)")
                break
            }
            offset += count
        }
        close(descriptor)
    }

    func link(_ name: String, to target: String) {
        #expect(symlink(target, "\(path)/\(name)") == 0, "symlink \(name)")
    }

    func scan(_ limits: DirectoryScan.Limits = .init()) throws(ScanFailure) -> DirectoryScan {
        try DirectoryScan(of: path, limits: limits)
    }

    /// What a scan complains about, by path.
    func problems(_ limits: DirectoryScan.Limits = .init()) -> [ScanProblem] {
        do throws(ScanFailure) {
            _ = try scan(limits)
            return []
        } catch {
            return error.problems
        }
    }

    /// Runs `body` as nobody when the tests run as root, who may read everything. Only the current
    /// thread changes its user.
    static func unprivileged<R>(_ body: () -> R) -> R {
        guard geteuid() == 0, let symbol = dlsym(nil, "setfsuid") else { return body() }
        typealias SetUser = @convention(c) (uid_t) -> Int32
        let setFileSystemUser = unsafeBitCast(symbol, to: SetUser.self)
        _ = setFileSystemUser(65534)
        defer { _ = setFileSystemUser(0) }
        return body()
    }
}

@Suite("Scanning a directory to publish")
struct PublishingScanTests {
    let tree = PublishingTree()

    @Test("files come in the order of the file tree, by raw bytes of each component")
    func order() throws {
        for name in ["a", "b", "a/deep", "é"] { tree.directory(name) }
        for name in ["a/z", "a/deep/x", "a-b", "a.txt", "B2", "b/1", "é/ü", "zz", ".hidden"] {
            tree.file(name)
        }
        let paths = try tree.scan().files.map(\.joinedPath)
        #expect(
            paths == [
                ".hidden", "B2", "a/deep/x", "a/z", "a-b", "a.txt", "b/1", "zz", "é/ü",
            ]
        )
    }

    @Test("lengths, identities and paths to open are those of the files")
    func facts() throws {
        tree.directory("sub")
        tree.file("sub/empty", [])
        tree.file("sub/three", [1, 2, 3])
        let scan = try tree.scan()
        #expect(scan.files.map(\.length) == [0, 3])
        #expect(scan.totalLength == 3)
        #expect(scan.files.map(\.filePath) == ["empty", "three"].map { "\(scan.root)/sub/\($0)" })
        var status = stat()
        #expect(lstat("\(tree.path)/sub/three", &status) == 0)
        #expect(scan.files[1].identity == .init(status))
        #expect(scan.files[1].identity != scan.files[0].identity)
    }

    @Test("empty directories are listed, not forgotten")
    func emptyDirectories() throws {
        for name in ["x", "x/y", "z"] { tree.directory(name) }
        tree.file("file")
        #expect(try tree.scan().emptyDirectories == ["x/y", "z"])
    }

    @Test("a directory without files is refused, with or without subdirectories")
    func noFiles() {
        #expect(tree.problems().map(\.kind) == [.noFiles])
        tree.directory("sub")
        #expect(tree.problems() == [ScanProblem(path: tree.path, kind: .noFiles)])
    }

    @Test("a missing directory and a file in its place are told apart")
    func wrongArgument() {
        tree.file("plain")
        func kind(_ path: String) -> ScanProblem.Kind? {
            do throws(ScanFailure) {
                _ = try DirectoryScan(of: path)
                return nil
            } catch { return error.problems.first?.kind }
        }
        #expect(kind(tree.path + "/none") == .missing)
        #expect(kind(tree.path + "/plain") == .notDirectory)
    }

    @Test("a link to a file inside is followed, and opens that file")
    func linkInside() throws {
        tree.directory("blobs")
        tree.file("blobs/abc", [7, 8])
        tree.link("model.bin", to: "blobs/abc")
        tree.link("twice.bin", to: "./model.bin")
        let scan = try tree.scan()
        #expect(scan.files.map(\.joinedPath) == ["blobs/abc", "model.bin", "twice.bin"])
        #expect(Set(scan.files.map(\.filePath)) == ["\(scan.root)/blobs/abc"])
        #expect(scan.files.map(\.length) == [2, 2, 2])
    }

    @Test("a directory that is named by a link is scanned")
    func linkedRoot() throws {
        tree.directory("real")
        tree.file("real/file")
        tree.link("alias", to: "real")
        let scan = try DirectoryScan(of: tree.path + "/alias")
        #expect(scan.root.hasSuffix("/real"))
        #expect(scan.files.map(\.joinedPath) == ["file"])
    }

    @Test(
        "links that leave the directory, dangle, loop or name a directory are refused with target"
    )
    func badLinks() {
        tree.directory("dir")
        tree.file("dir/file")
        tree.link("a-outside", to: "/etc/passwd")
        tree.link("b-up", to: "../../etc/hostname")
        tree.link("c-dangling", to: "nowhere")
        tree.link("d-loop", to: "d-loop")
        tree.link("e-directory", to: "dir")
        tree.link("dir/parent", to: "..")
        tree.link("f-outside-directory", to: "/etc")
        #expect(
            tree.problems() == [
                .init(path: "a-outside", kind: .linkOutside(target: "/etc/passwd")),
                .init(path: "b-up", kind: .linkOutside(target: "../../etc/hostname")),
                .init(path: "c-dangling", kind: .linkDangling(target: "nowhere")),
                .init(path: "d-loop", kind: .linkLoop(target: "d-loop")),
                .init(path: "dir/parent", kind: .linkToDirectory(target: "..")),
                .init(path: "e-directory", kind: .linkToDirectory(target: "dir")),
                .init(path: "f-outside-directory", kind: .linkOutside(target: "/etc")),
            ]
        )
    }

    @Test("a neighbour whose name begins with the directory's is outside of it")
    func neighbour() {
        tree.directory("model")
        tree.directory("model-private")
        tree.file("model-private/secret")
        tree.link("model/steal", to: "../model-private/secret")
        #expect(throws: ScanFailure.self) { try DirectoryScan(of: tree.path + "/model") }
    }

    @Test("FIFOs, sockets and devices are refused, also behind links")
    func special() {
        #expect(mkfifo("\(tree.path)/fifo", 0o644) == 0)
        #expect(mknod("\(tree.path)/socket", S_IFSOCK | 0o644, 0) == 0)
        tree.link("to-fifo", to: "fifo")
        tree.link("to-socket", to: "socket")
        #expect(
            tree.problems() == [
                .init(path: "fifo", kind: .special(name: "FIFO")),
                .init(path: "socket", kind: .special(name: "socket")),
                .init(path: "to-fifo", kind: .linkToSpecial(target: "fifo", name: "FIFO")),
                .init(path: "to-socket", kind: .linkToSpecial(target: "socket", name: "socket")),
            ]
        )
    }

    @Test("files and directories that cannot be read are named")
    func unreadable() {
        tree.file("open")
        tree.file("shut")
        tree.directory("closed")
        chmod("\(tree.path)/shut", 0)
        chmod("\(tree.path)/closed", 0)
        chmod(tree.path, 0o755)
        let found = PublishingTree.unprivileged { tree.problems() }
        #expect(
            found == [
                .init(path: "closed", kind: .unreadable(code: EACCES)),
                .init(path: "shut", kind: .unreadable(code: EACCES)),
            ]
        )
    }

    @Test("a name that is not UTF-8, or holds a control character or backslash, is refused")
    func names() {
        let raw: [CChar] = Array("\(tree.path)/bad".utf8CString.dropLast()) + [-1, 0]
        close(open(raw, O_WRONLY | O_CREAT, 0o644))
        tree.file("line\nbreak")
        tree.file("back\\slash")
        #expect(
            tree.problems() == [
                .init(path: "back\\slash", kind: .unsafeName(character: "a backslash")),
                .init(path: "bad\\xff", kind: .notUTF8),
                .init(path: "line\\x0abreak", kind: .unsafeName(character: "a control character")),
            ]
        )
    }

    @Test("names of Windows devices are refused, names that begin like one are not")
    func deviceNames() {
        for name in ["nul", "Con.txt", "LPT9.a.b", "aux "] { tree.file(name) }
        for name in ["null", "COM0", "com10", "LPT", "console.txt"] { tree.file(name) }
        let found = tree.problems()
        #expect(found.map(\.path) == ["Con.txt", "LPT9.a.b", "aux ", "nul"])
        #expect(found.allSatisfy { $0.kind == .deviceName })
    }

    @Test("names that differ only in case or normalisation are refused with both names")
    func collisions() {
        tree.file("README")
        tree.file("readme")
        tree.file("Straße")
        tree.file("STRASSE")
        tree.directory("x")
        tree.file("x/\u{E9}")
        tree.file("x/e\u{301}")
        let found = tree.problems()
        #expect(
            found.map(\.kind) == [
                .sameName(other: "STRASSE", difference: .letterCase),
                .sameName(other: "README", difference: .letterCase),
                .sameName(other: "x/e\u{301}", difference: .normalisation),
            ]
        )
        #expect(found.last?.message.contains("bytes c3 a9 and 65 cc 81") == true)
    }

    @Test("equal names in different directories are no collision")
    func sameNameElsewhere() throws {
        tree.directory("a")
        tree.directory("b")
        tree.file("a/Name")
        tree.file("b/name")
        #expect(try tree.scan().files.count == 2)
    }

    @Test("limits on depth, name length and number of files hold at their edge")
    func limits() throws {
        tree.directory("a")
        tree.directory("a/b")
        tree.file("a/b/four")
        tree.file("a/five5")
        var limits = DirectoryScan.Limits()
        limits.depthMax = 3
        limits.nameByteCountMax = 5
        limits.fileCountMax = 2
        #expect(try tree.scan(limits).files.count == 2)
        limits.depthMax = 2
        #expect(tree.problems(limits) == [.init(path: "a/b/four", kind: .tooDeep(max: 2))])
        limits.depthMax = 3
        limits.nameByteCountMax = 4
        #expect(tree.problems(limits) == [.init(path: "a/five5", kind: .nameTooLong(max: 4))])
        limits.nameByteCountMax = 5
        limits.pathByteCountMax = 8
        #expect(try tree.scan(limits).files.count == 2)
        limits.pathByteCountMax = 7
        #expect(tree.problems(limits) == [.init(path: "a/b/four", kind: .pathTooLong(max: 7))])
        limits.pathByteCountMax = 8
        limits.fileCountMax = 1
        #expect(tree.problems(limits).map(\.kind) == [.tooManyFiles(max: 1)])
    }

    @Test("problems are gathered up to the limit, and the rest is announced")
    func gathering() throws {
        for number in 0..<30 { tree.link("link\(number)", to: "nowhere") }
        let failure = try #require(throws: ScanFailure.self) { try tree.scan() }
        #expect(failure.problems.count == 20)
        #expect(failure.isPartial)
        #expect(failure.description.hasSuffix("the scan stopped here"))
    }

    @Test("every problem names its path, what is wrong and what to do")
    func wording() {
        let text = ScanProblem(path: "a/link", kind: .linkOutside(target: "/x")).description
        #expect(
            text == "a/link: is a link to '/x', outside of the directory; replace the link by its "
                + "content, for example with cp -rL into a new directory"
        )
    }
}
