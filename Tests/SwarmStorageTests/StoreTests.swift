import Dispatch
import Glibc
import SwarmModel
import SwarmStorage
import Synchronization
import SystemPackage
import Testing

/// The store on the real file system.
@Suite struct StoreTests {
    private let directory: TemporaryDirectory
    private var data: FilePath { directory.path.appending("data") }

    init() throws { directory = try TemporaryDirectory() }

    private func fill(_ holding: Holding, _ sample: SampleVersion) throws {
        for piece in sample.info.geometry.pieces where !holding.verified[piece] {
            try holding.write(piece, sample.bytes(of: piece))
            try holding.commit([piece])
        }
        for file in sample.info.geometry.files { #expect(try holding.seal(file) == .sealed) }
    }

    private func expectTree(_ root: FilePath, _ sample: SampleVersion) throws {
        for (entry, bytes) in zip(sample.info.files, sample.contents) {
            let isRight =
                try TemporaryDirectory.bytes(root.appending(entry.joinedPath)) == bytes
            #expect(isRight, "\(entry.joinedPath)")
        }
    }

    private func mode(_ path: FilePath) throws -> CInterop.Mode? {
        try SystemFileSystem().status(at: path, followingLinks: false).map { $0.mode.rawValue }
    }

    @Test("a version is written, committed, sealed and published, and is there after a restart")
    func normalLife() throws {
        let sample = try SampleVersion.varied()
        var store: Store? = try Store.open(directory: data)
        var holding: Holding? = try store?.holding(of: sample.info, layers: sample.layers)
        #expect(holding?.verified.isEmpty == true)
        try fill(#require(holding), sample)
        let view = try #require(try holding?.publishView(as: reference("1")))
        try expectTree(view, sample)
        (store, holding) = (nil, nil)

        let again = try Store.open(directory: data)
        #expect(again.notes == [])
        let version = try #require(try again.versions().first)
        #expect(version.reference == (try reference("1")))
        #expect(version.infoHash == sample.info.infoHash)
        #expect(version.state == .complete)
        #expect(version.bytes == sample.info.geometry.totalLength)
        #expect(version.path == view)
        let reopened = try again.holding(of: sample.info, layers: [])
        #expect(reopened.verified.isFull)
        #expect(sample.info.geometry.files.allSatisfy(reopened.isSealed))
        for piece in sample.info.geometry.pieces {
            #expect(try reopened.bytes(of: piece) == sample.bytes(of: piece))
        }
    }

    @Test(
        "sealed files are read-only, executables keep their bit, directories are closed to others"
    )
    func modes() throws {
        let sample = try SampleVersion.varied()
        let store = try Store.open(directory: data)
        let holding = try store.holding(of: sample.info, layers: sample.layers)
        try fill(holding, sample)
        let view = try holding.publishView(as: reference("1"))
        #expect(try mode(view.appending("big.bin")) == 0o440)
        #expect(try mode(view.appending("empty")) == 0o440)
        #expect(try mode(view.appending("run.sh")) == 0o550)
        let root = try #require(sample.info.files[0].piecesRoot)
        #expect(try mode(store.layout.blob(root)) == 0o440)
        #expect(try mode(store.layout.root).map { $0 & 0o027 } == 0)
        let status = SystemFileSystem()
        let linked = try status.status(at: view.appending("big.bin"), followingLinks: false)
        let blob = try status.status(at: store.layout.blob(root), followingLinks: false)
        #expect(linked?.inode == blob?.inode)
    }

    @Test("a second process is refused with the number of the first")
    func lockedDirectory() throws {
        var first: Store? = try Store.open(directory: data)
        let error = #expect(throws: StorageError.self) { try Store.open(directory: data) }
        #expect(error?.code == .locked)
        #expect(error?.message.contains("process \(getpid())") == true)
        #expect(error?.message.contains("--data") == true)
        #expect(first != nil)
        first = nil
        _ = try Store.open(directory: data)
    }

    @Test("several threads write and commit at once, and their commits are all in the journal")
    func concurrentCommits() throws {
        let sample = try SampleVersion(
            [
                ("a", SampleVersion.noise(600_000, seed: 1)),
                ("b", SampleVersion.noise(500_000, seed: 2)),
            ],
            pieceLength: 16384
        )
        var store: Store? = try Store.open(directory: data)
        var holding: Holding? = try store?.holding(of: sample.info, layers: sample.layers)
        let pieces = Array(sample.info.geometry.pieces)
        let failures = Mutex<[String]>([])
        let open = try #require(holding)
        DispatchQueue.concurrentPerform(iterations: 4) { thread in
            do {
                for piece in pieces where piece.number % 4 == thread {
                    try open.write(piece, sample.bytes(of: piece))
                    let verified = try open.commit([piece])
                    if verified != [piece] { throw Errno.ioError }
                }
            } catch { failures.withLock { $0.append("\(error)") } }
        }
        #expect(failures.withLock { $0 } == [])
        (store, holding) = (nil, nil)
        _ = consume open
        let again = try Store.open(directory: data)
        let reopened = try again.holding(of: sample.info, layers: sample.layers)
        #expect(reopened.verified.isFull)
        try fill(reopened, sample)
    }

    @Test("a descriptor stays valid while its file is sealed under it")
    func descriptors() throws {
        let sample = try SampleVersion.varied()
        let store = try Store.open(directory: data)
        let holding = try store.holding(of: sample.info, layers: sample.layers)
        let piece = try sample.piece(1)
        for piece in sample.info.geometry.pieces where !holding.verified[piece] {
            try holding.write(piece, sample.bytes(of: piece))
            try holding.commit([piece])
        }
        let before = try holding.descriptor(for: piece)
        for file in sample.info.geometry.files { #expect(try holding.seal(file) == .sealed) }
        let after = try holding.descriptor(for: piece)
        for (file, offset) in [before, after] {
            var bytes = [UInt8](repeating: 0, count: sample.bytes(of: piece).count)
            let count = try bytes.withUnsafeMutableBytes {
                try file.descriptor.read(fromAbsoluteOffset: Int64(offset), into: $0)
            }
            #expect(count == bytes.count)
            #expect(bytes == sample.bytes(of: piece))
        }
    }

    @Test("a hundred gigabytes of sealed data are opened without being read")
    func hugeSealedFile() throws {
        let length = 100 << 30
        let root = try #require(Digest([UInt8](repeating: 9, count: 32)))
        let info = VersionInfo(
            infoHash: InfoHash(root),
            infoBytes: [],
            name: "huge",
            files: [FileEntry(path: ["huge"], length: length, piecesRoot: root)],
            geometry: try PieceGeometry(pieceLength: 16 << 20, fileLengths: [length]),
            isPrivate: false
        )
        try directory.write([], to: "data/blobs/\(root.hex)")
        let file = try FileDescriptor.open(data.appending("blobs/\(root.hex)"), .writeOnly)
        try SystemFileSystem().truncate(file, length: length)
        try file.close()
        let reads = FaultyDisk(SystemFileSystem(), call: 1, .error(.ioError), only: .read)
        let store = try Store.open(directory: data, fileSystem: reads)
        let holding = try store.holding(of: info, layers: [])
        #expect(holding.verified.isFull)
        #expect(!reads.hasFired)
    }

    // MARK: Export

    @Test("an export is a whole tree, and a directory that holds something is refused by name")
    func export() throws {
        let sample = try SampleVersion.varied()
        let store = try Store.open(directory: data)
        let holding = try store.holding(of: sample.info, layers: sample.layers)
        try fill(holding, sample)
        let target = directory.path.appending("some/where")
        try holding.export(to: target)
        try expectTree(target, sample)
        #expect(try SystemFileSystem().list(directory.path.appending("some")) == ["where"])

        let error = #expect(throws: StorageError.self) { try holding.export(to: target) }
        #expect(error?.code == .occupied)
        #expect(error?.message.contains(target.string) == true)
        try expectTree(target, sample)

        let empty = directory.path.appending("empty")
        try SystemFileSystem().makeDirectory(empty, mode: [.ownerReadWriteExecute])
        try holding.export(to: empty)
        try expectTree(empty, sample)
    }

    // MARK: Serving in place

    private func published(_ sample: SampleVersion) throws -> FilePath {
        for (entry, bytes) in zip(sample.info.files, sample.contents) {
            try directory.write(bytes, to: "source/\(entry.joinedPath)")
        }
        return directory.path.appending("source")
    }

    @Test("a published directory is served in place, and nothing of it is copied")
    func seedingInPlace() throws {
        let sample = try SampleVersion.varied()
        let source = try published(sample)
        let store = try Store.open(directory: data)
        let holding = try store.holding(
            of: sample.info,
            layers: sample.layers,
            seedingFrom: source
        )
        #expect(holding.verified.isFull)
        for piece in sample.info.geometry.pieces {
            #expect(try holding.bytes(of: piece) == sample.bytes(of: piece))
        }
        let names = SystemFileSystem()
        #expect(try names.list(store.layout.blobs).isEmpty)
        #expect(try names.list(store.layout.partials).isEmpty)
    }

    @Test("a published file that changes is refused by name at the next read")
    func changedSource() throws {
        let sample = try SampleVersion.varied()
        let source = try published(sample)
        let store = try Store.open(directory: data)
        let holding = try store.holding(
            of: sample.info,
            layers: sample.layers,
            seedingFrom: source
        )
        let piece = try sample.piece(0)
        _ = try holding.bytes(of: piece)
        // Same size, other bytes, another time of change.
        try directory.write(sample.contents[0].map { ~$0 }, to: "source/big.bin")
        let error = #expect(throws: StorageError.self) { try holding.bytes(of: piece) }
        #expect(error?.code == .sourceChanged)
        #expect(error?.message.contains("big.bin") == true)
        #expect(throws: StorageError.self) { _ = try holding.descriptor(for: piece) }
        // The others are still served.
        _ = try holding.bytes(of: sample.piece(3))
    }

    @Test("a part is served from its directory, and what is elsewhere is neither had nor read")
    func seedingPart() throws {
        let sample = try SampleVersion.varied()
        let source = try published(sample)
        for name in ["run.sh", "deep/er/twin-a"] {
            try SystemFileSystem().unlink(source.appending(name))
        }
        let store = try Store.open(directory: data)
        let holding = try store.holding(
            of: sample.info,
            layers: sample.layers,
            seedingFrom: source
        ) { ["big.bin", "twin-b", "empty"].contains($0.joinedPath) }
        #expect(holding.isPart)
        let geometry = sample.info.geometry
        func name(_ file: FileIndex) -> String { sample.info.entry(of: file).joinedPath }
        for piece in geometry.pieces {
            // Twins have one content, so either directory has both.
            let isHere = name(geometry.file(of: piece)) != "run.sh"
            #expect(holding.verified[piece] == isHere)
            if isHere {
                #expect(try holding.bytes(of: piece) == sample.bytes(of: piece))
            } else {
                #expect(throws: StorageError.self) { try holding.bytes(of: piece) }
                #expect(throws: StorageError.self) {
                    try holding.write(piece, sample.bytes(of: piece))
                }
            }
        }
        let sealed = Array(geometry.files.filter { holding.isSealed($0) }.map(name))
        #expect(sealed == ["big.bin", "deep/er/twin-a", "empty", "twin-b"])
    }

    @Test("a published directory that lacks a file is refused by name", arguments: [true, false])
    func incompleteSource(_ isShort: Bool) throws {
        let sample = try SampleVersion.varied()
        let source = try published(sample)
        if isShort {
            try directory.write([1, 2, 3], to: "source/run.sh")
        } else {
            try SystemFileSystem().unlink(source.appending("run.sh"))
        }
        let store = try Store.open(directory: data)
        let error = #expect(throws: StorageError.self) {
            try store.holding(of: sample.info, layers: sample.layers, seedingFrom: source)
        }
        #expect(error?.code == .sourceChanged)
        #expect(error?.message.contains("run.sh") == true)
    }
}
