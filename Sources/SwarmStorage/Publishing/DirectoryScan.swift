internal import Glibc
internal import SystemPackage

/// The files below a directory in the order in which a version holds them: raw bytes of the path
/// components, as the file tree of BEP 52 sorts. Nothing is skipped in silence: whatever cannot be
/// published is a problem, and empty directories, which a file tree cannot express, are listed.
package struct DirectoryScan: Sendable {
    /// The scanned directory, absolute and with links resolved.
    package let root: String
    /// At least one.
    package let files: [ScannedFile]
    /// Paths below the root of directories without any file in them; they are not published.
    package let emptyDirectories: [String]

    /// Bytes of all files.
    package var totalLength: Int { files.reduce(0) { $0 &+ $1.length } }

    package struct Limits: Hashable, Sendable {
        /// Most files, and most entries of one directory. Each costs some 200 bytes of metainfo.
        package var fileCountMax = 100_000
        /// Most components of a path; one descriptor is held open for each.
        package var depthMax = 16
        /// Longest component in bytes: what common file systems can store.
        package var nameByteCountMax = 255
        /// Longest path below the directory in bytes: what the reader of metainfo accepts.
        package var pathByteCountMax = 1024
        /// Problems after which the scan stops.
        package var problemCountMax = 20

        package init() {}
    }

    /// Walks `directory`. Links to regular files inside of it are followed, all others refused.
    package init(of directory: String, limits: Limits = Limits()) throws(ScanFailure) {
        var walk: DirectoryWalk
        do throws(Errno) {
            root = try DirectoryWalk.realPath(directory)
            walk = DirectoryWalk(root: root, limits: limits)
            walk.visit(try ScopedDescriptor(opening: root, flags: O_DIRECTORY), at: [])
        } catch {
            throw Self.failure(of: directory, error)
        }
        if walk.problems.isEmpty, walk.files.isEmpty {
            walk.problems.append(ScanProblem(path: directory, kind: .noFiles))
        }
        guard walk.problems.isEmpty else {
            throw ScanFailure(problems: walk.problems, isPartial: walk.isOver)
        }
        files = walk.files
        emptyDirectories = walk.emptyDirectories
    }

    private static func failure(of directory: String, _ error: Errno) -> ScanFailure {
        let kind: ScanProblem.Kind =
            switch error {
            case .noSuchFileOrDirectory: .missing
            case .notDirectory: .notDirectory
            default: .unreadable(code: error.rawValue)
            }
        return ScanFailure(problems: [.init(path: directory, kind: kind)], isPartial: false)
    }
}
