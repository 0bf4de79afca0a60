import Glibc
import SwarmHash
import SwarmModel
import Synchronization
import Testing

@testable import SwarmStorage

@Suite("Hashing files to publish")
struct PublishingHasherTests {
    let tree = PublishingTree()

    private static let pieceLengths = [16 << 10, 64 << 10, 1 << 20]

    private static func sizes(_ pieceLength: Int) -> [Int] {
        [0, 1, 16383, 16384, 16385] + [-1, 0, 1, 2 * pieceLength + 1].map { pieceLength + $0 }
    }

    @Test("roots and layers are those of a straight-line reference", arguments: pieceLengths)
    func reference(pieceLength: Int) throws {
        var contents: [[UInt8]] = []
        for (index, size) in Self.sizes(pieceLength).enumerated() {
            contents.append(Self.content(size, seed: UInt64(index)))
            tree.file("\(index)", contents[index])
        }
        let files = try tree.scan().files
        #expect(files.map(\.length) == Self.sizes(pieceLength))
        let hashed = try ContentHasher(pieceLength: pieceLength, threadCount: 3).hash(files)
        for (content, hashed) in zip(contents, hashed) {
            #expect(hashed == Self.reference(content, pieceLength), "\(content.count) bytes")
        }
    }

    @Test("an empty file has no root and a file of one piece no layer, two pieces have two hashes")
    func layers() throws {
        tree.file("0", [])
        tree.file("1", Self.content(16384, seed: 1))
        tree.file("2", Self.content(16385, seed: 2))
        let hashed = try ContentHasher(pieceLength: 16384).hash(try tree.scan().files)
        #expect(hashed.map { $0.root == nil } == [true, false, false])
        #expect(hashed.map(\.layer.count) == [0, 0, 2])
    }

    @Test("the number of threads and the cutting into chunks make no difference")
    func threads() throws {
        // Longer than a chunk, so that the file is shared between threads.
        tree.file("big", Self.content(ContentHasher.chunkLengthGoal + 100_000, seed: 5))
        for index in 0..<20 { tree.file("small\(index)", Self.content(index * 7000, seed: 6)) }
        let files = try tree.scan().files
        let pieceLength = 64 << 10
        #expect(HashingChunk.cut(files, pieceLength: pieceLength).count == 2 + 19)
        let one = try ContentHasher(pieceLength: pieceLength, threadCount: 1).hash(files)
        let content = Self.content(ContentHasher.chunkLengthGoal + 100_000, seed: 5)
        #expect(one[0] == Self.reference(content, pieceLength))
        for count in [2, 3, 8, 64] {
            let many = try ContentHasher(pieceLength: pieceLength, threadCount: count).hash(files)
            #expect(many == one)
        }
    }

    @Test("chunks cover each file once, on piece boundaries")
    func chunks() throws {
        tree.file("a", [1])
        let identity = try tree.scan().files[0].identity
        let status = { (length: Int) in
            var status = stat()
            status.st_size = off_t(length)
            return ScannedFile.Identity(status)
        }
        #expect(identity.length == 1)
        for pieceLength in [16 << 10, 64 << 20] {
            for length in [0, 1, 32 << 20, (32 << 20) + 1, 200 << 20] {
                let file = ScannedFile(path: ["f"], filePath: "/f", identity: status(length))
                var end = 0
                for chunk in HashingChunk.cut([file], pieceLength: pieceLength) {
                    #expect(chunk.offset == end && chunk.length > 0)
                    #expect(chunk.offset % pieceLength == 0)
                    end += chunk.length
                }
                #expect(end == length)
            }
        }
    }

    @Test("progress ends at the sum of all lengths")
    func progress() throws {
        tree.file("a", Self.content(3_000_000, seed: 1))
        tree.file("b", Self.content(5, seed: 1))
        let progress = HashingProgress()
        _ = try ContentHasher(pieceLength: 1 << 20).hash(try tree.scan().files, progress: progress)
        #expect(progress.bytesDone == 3_000_005)
    }

    @Test("a cancelled run ends without a result")
    func cancelled() throws {
        tree.file("a", Self.content(5_000_000, seed: 1))
        let files = try tree.scan().files
        let progress = HashingProgress()
        let hasher = ContentHasher(pieceLength: 1 << 20, threadCount: 1) { _, offset in
            if offset == 2 << 20 { progress.cancel() }
        }
        #expect(throws: HashingFailure.cancelled) { try hasher.hash(files, progress: progress) }
        #expect(progress.bytesDone == (2 << 20) + ContentHasher.bufferLength)
    }

    /// What can happen to a file between the scan and the end of hashing.
    enum Change: CaseIterable {
        case appended, truncated, overwritten, replaced, removed, becameLink
    }

    private static func apply(_ change: Change, to path: String) {
        switch change {
        case .appended:
            let descriptor = open(path, O_WRONLY | O_APPEND)
            #expect(write(descriptor, "x", 1) == 1)
            close(descriptor)
        case .truncated: #expect(truncate(path, 100) == 0)
        case .overwritten:
            let descriptor = open(path, O_WRONLY)
            #expect(write(descriptor, "x", 1) == 1)
            // The clock of the file system may be too coarse to tell the write from the scan.
            var times = [timespec(tv_sec: 9, tv_nsec: 9), timespec(tv_sec: 9, tv_nsec: 9)]
            #expect(futimens(descriptor, &times) == 0)
            close(descriptor)
        case .replaced:
            close(open(path + ".new", O_WRONLY | O_CREAT, 0o644))
            #expect(truncate(path + ".new", 3_000_000) == 0)
            #expect(rename(path + ".new", path) == 0)
        case .removed: #expect(unlink(path) == 0)
        case .becameLink:
            #expect(rename(path, path + ".moved") == 0)
            #expect(symlink(path + ".moved", path) == 0)
        }
    }

    @Test("a file that changed between scan and hashing is named", arguments: Change.allCases)
    func changedBefore(change: Change) throws {
        tree.file("model", Self.content(3_000_000, seed: 1))
        let files = try tree.scan().files
        Self.apply(change, to: files[0].filePath)
        #expect(throws: HashingFailure.changed(path: "model")) {
            try ContentHasher(pieceLength: 1 << 20).hash(files)
        }
    }

    @Test("a file that changes while it is read is named", arguments: Change.allCases)
    func changedDuring(change: Change) throws {
        tree.file("model", Self.content(3_000_000, seed: 1))
        tree.file("other", Self.content(10, seed: 1))
        let files = try tree.scan().files
        let hasher = ContentHasher(pieceLength: 1 << 20, threadCount: 1) { path, offset in
            if offset == 2 << 20 { Self.apply(change, to: path) }
        }
        #expect(throws: HashingFailure.changed(path: "model")) { try hasher.hash(files) }
    }

    @Test("a file that changes after it was read, while others are, is named")
    func changedAfter() throws {
        tree.file("a", Self.content(10, seed: 1))
        tree.file("b", Self.content(10, seed: 2))
        let files = try tree.scan().files
        let first = files[0].filePath
        let hasher = ContentHasher(pieceLength: 1 << 20, threadCount: 1) { path, _ in
            if path != first { Self.apply(.overwritten, to: first) }
        }
        #expect(throws: HashingFailure.changed(path: "a")) { try hasher.hash(files) }
    }

    @Test("layers of a publication are sorted by root, one for each content")
    func publicationLayers() throws {
        for name in ["a", "b", "c"] {
            tree.file(name, Self.content(40_000, seed: name == "c" ? 2 : 1))
        }
        tree.file("short", [1])
        let files = try tree.scan().files
        let hashed = try ContentHasher(pieceLength: 16384).hash(files)
        let entries = Publication.entries(of: files, hashed: hashed)
        #expect(entries.map(\.joinedPath) == ["a", "b", "c", "short"])
        let info = VersionInfo(
            infoHash: InfoHash(.zero),
            infoBytes: [],
            name: "x",
            files: entries,
            geometry: try PieceGeometry(pieceLength: 16384, fileLengths: entries.map(\.length)),
            isPrivate: false
        )
        let layers = Publication(info: info, files: files, hashed: hashed).pieceLayers
        #expect(Set(layers.map(\.root)) == Set(hashed.dropLast().compactMap(\.root)))
        #expect(layers.count == 2 && layers[0].root < layers[1].root)
    }

    // MARK: Reference

    static func content(_ count: Int, seed: UInt64) -> [UInt8] {
        var random = SeededRandom(seed: seed)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 8)
        while bytes.count < count {
            withUnsafeBytes(of: random.next()) { bytes.append(contentsOf: $0) }
        }
        bytes.removeLast(bytes.count - count)
        return bytes
    }

    /// BEP 52 as it is written: one tree over all leaves of the file, and the nodes of its piece
    /// level.
    private static func reference(_ content: [UInt8], _ pieceLength: Int) -> HashedFile {
        if content.isEmpty { return HashedFile(root: nil, layer: []) }
        var nodes = stride(from: 0, to: content.count, by: 16384).map { start in
            SwarmHash.sha256(Array(content[start..<min(start + 16384, content.count)]))
        }
        while nodes.count.nonzeroBitCount != 1 { nodes.append(.zero) }
        var layer: [Digest] = []
        var span = 16384
        while true {
            if span == pieceLength { layer = nodes }
            if nodes.count == 1 { break }
            nodes = stride(from: 0, to: nodes.count, by: 2).map {
                SwarmHash.sha256(nodes[$0].bytes + nodes[$0 + 1].bytes)
            }
            span *= 2
        }
        let pieceCount = (content.count + pieceLength - 1) / pieceLength
        return HashedFile(
            root: nodes[0],
            layer: pieceCount > 1 ? Array(layer.prefix(pieceCount)) : []
        )
    }
}
