import Glibc
import SwarmModel
import SwarmStorage
import SystemPackage
import Testing

/// One version on a disk in memory: twins, damage, full disks and failed syncs.
@Suite struct HoldingTests {
    private let disk = MemoryDisk()
    private let directory: FilePath = "/data"

    private func open(_ fileSystem: (any FileSystem)? = nil) throws -> Store {
        var settings = StoreSettings()
        settings.spareBytesMin = 0
        return try Store.open(
            directory: directory,
            settings: settings,
            fileSystem: fileSystem ?? disk
        )
    }

    private func fetch(_ numbers: [Int], _ holding: Holding, _ sample: SampleVersion) throws {
        for number in numbers {
            let piece = try sample.piece(number)
            try holding.write(piece, sample.bytes(of: piece))
            try holding.commit([piece])
        }
    }

    private func file(_ number: Int, _ sample: SampleVersion) throws -> FileIndex {
        try #require(sample.info.geometry.file(number))
    }

    // MARK: Twins

    @Test("files with the same content share one file, and one commit verifies both")
    func twins() throws {
        let sample = try SampleVersion.varied()
        let store = try open()
        let holding = try store.holding(of: sample.info, layers: sample.layers)
        let (a, b) = (try sample.piece(3), try sample.piece(5))
        try holding.write(a, sample.bytes(of: a))
        #expect(try holding.commit([a]) == [a, b])
        #expect(holding.verified[b])
        #expect(try holding.bytes(of: b) == sample.bytes(of: b))
        // Late bytes for the twin do no harm, right or wrong.
        try holding.write(b, sample.bytes(of: b).map { ~$0 })
        #expect(try holding.commit([b]) == [a, b])
        #expect(try holding.bytes(of: a) == sample.bytes(of: a))
        #expect(try disk.list(store.layout.partials).count == 1)
        #expect(try holding.seal(file(1, sample)) == .sealed)
        #expect(holding.isSealed(try file(4, sample)))
    }

    @Test("two files with the same content cannot spoil each other while both are fetched")
    func twinsAtOnce() throws {
        let sample = try SampleVersion.varied()
        let holding = try open().holding(of: sample.info, layers: sample.layers)
        let (a, b) = (try sample.piece(3), try sample.piece(5))
        try holding.write(a, sample.bytes(of: a))
        try holding.write(b, sample.bytes(of: b).map { ~$0 })
        #expect(try holding.commit([b]) == [])
        #expect(try holding.commit([a]) == [a, b])
        #expect(try holding.bytes(of: b) == sample.bytes(of: b))
    }

    @Test("two open versions fill a common file apart, and the second to seal takes the first's")
    func sharedByVersions() throws {
        let (one, two) = (try SampleVersion.varied(seed: 1), try SampleVersion.varied(seed: 2))
        let store = try open()
        let first = try store.holding(of: one.info, layers: one.layers)
        let second = try store.holding(of: two.info, layers: two.layers)
        try fetch([0, 1, 2], second, two)
        #expect(first.verified.isEmpty)
        try fetch([0, 1, 2], first, one)
        #expect(try disk.list(store.layout.partials).count == 2)
        #expect(try first.seal(file(0, one)) == .sealed)
        #expect(try second.seal(file(0, two)) == .sealed)
        #expect(try disk.list(store.layout.partials).isEmpty)
        #expect(try disk.list(store.layout.blobs).count == 1)
        #expect(try second.bytes(of: two.piece(1)) == two.bytes(of: two.piece(1)))
    }

    @Test("the private partial of a second opener goes with it and leaves no claim")
    func privatePartial() throws {
        let (one, two) = (try SampleVersion.varied(seed: 1), try SampleVersion.varied(seed: 2))
        let store = try open()
        let first = try store.holding(of: one.info, layers: one.layers)
        var second: Holding? = try store.holding(of: two.info, layers: two.layers)
        try fetch([0], #require(second), two)
        second = nil
        #expect(try disk.list(store.layout.partials).isEmpty)
        #expect(first.verified.isEmpty)
        let third = try store.holding(of: two.info, layers: two.layers)
        #expect(third.verified.isEmpty)
    }

    @Test("a version with an unchanged file has it at once, at another piece length too")
    func unchangedFile() throws {
        let bytes = SampleVersion.noise(100_000, seed: 5)
        let fine = try SampleVersion([("a", bytes)], pieceLength: 16384, seed: 1)
        let coarse = try SampleVersion([("b", bytes)], pieceLength: 65536, seed: 2)
        #expect(fine.info.files[0].piecesRoot == coarse.info.files[0].piecesRoot)
        let store = try open()
        var holding: Holding? = try store.holding(of: fine.info, layers: fine.layers)
        try fetch([0, 1, 3], #require(holding), fine)
        holding = nil
        let next = try store.holding(of: coarse.info, layers: coarse.layers)
        #expect(next.verified.isEmpty)
        // Claimed blocks stay as they are, whatever a liar sends for the piece around them.
        try next.write(coarse.piece(0), coarse.bytes(of: coarse.piece(0)).map { ~$0 })
        let claimed = try #require(coarse.info.geometry.range(of: 0..<2, in: coarse.piece(0)))
        var there = [UInt8](repeating: 0, count: claimed.length)
        try there.withUnsafeMutableBytes { try next.read(claimed, into: $0) }
        #expect(there == coarse.bytes(of: claimed))
        try next.write(coarse.piece(0), coarse.bytes(of: coarse.piece(0)))
        #expect(try next.commit([coarse.piece(0)]) == [coarse.piece(0)])
        try fetch([1], next, coarse)
        #expect(try next.seal(file(0, coarse)) == .sealed)
        #expect(try store.holding(of: fine.info, layers: fine.layers).verified.isFull)
    }

    // MARK: Damage

    @Test("a seal finds each damaged piece on disk, and only those are fetched again")
    func damagedPieces() throws {
        let sample = try SampleVersion.varied()
        let store = try open()
        let holding = try store.holding(of: sample.info, layers: sample.layers)
        try fetch([0, 1, 2], holding, sample)
        let root = try #require(sample.info.files[0].piecesRoot)
        disk.alter(store.layout.partial(root)) { $0[40_000] ^= 4 }
        #expect(try holding.seal(file(0, sample)) == .damaged([sample.piece(1)]))
        #expect(holding.verified.members == [0, 2])
        #expect(try disk.list(store.layout.blobs).isEmpty)
        try fetch([1], holding, sample)
        #expect(try holding.seal(file(0, sample)) == .sealed)
    }

    @Test("a piece that cannot be read counts as damaged")
    func unreadablePiece() throws {
        let sample = try SampleVersion.varied()
        var store: Store? = try open()
        var holding: Holding? = try store?.holding(of: sample.info, layers: sample.layers)
        try fetch([0, 1, 2], #require(holding), sample)
        (store, holding) = (nil, nil)
        // The first read is the lock's or the journal's at opening, so count from there.
        let faulty = FaultyDisk(disk, call: 3, .error(.ioError), only: .read)
        let again = try open(faulty)
        let reopened = try again.holding(of: sample.info, layers: sample.layers)
        let outcome = try reopened.seal(file(0, sample))
        #expect(faulty.hasFired)
        #expect(outcome == .damaged([try sample.piece(1)]))
    }

    @Test("a file with a piece missing is not sealed, and without its layer cannot be")
    func incompleteSeal() throws {
        let sample = try SampleVersion.varied()
        let holding = try open().holding(of: sample.info, layers: [])
        try fetch([0, 2], holding, sample)
        let error = #expect(throws: StorageError.self) { try holding.seal(file(0, sample)) }
        #expect(error?.code == .layerMissing)
        holding.supply(sample.layers[0])
        #expect(try holding.seal(file(0, sample)) == .damaged([sample.piece(1)]))
    }

    @Test("a rescan finds pieces that were written and never committed, and no wrong ones")
    func rescan() throws {
        let sample = try SampleVersion.varied()
        var store: Store? = try open()
        var holding: Holding? = try store?.holding(of: sample.info, layers: sample.layers)
        try holding?.write(sample.piece(0), sample.bytes(of: sample.piece(0)))
        try holding?.write(sample.piece(2), sample.bytes(of: sample.piece(2)).map { ~$0 })
        try holding?.write(sample.piece(3), sample.bytes(of: sample.piece(3)))
        (store, holding) = (nil, nil)
        let reopened = try open().holding(of: sample.info, layers: sample.layers)
        #expect(reopened.verified.isEmpty)
        let found = try reopened.rescan().map(\.number)
        #expect(found == [0, 3, 5])
        #expect(reopened.verified.members == [0, 3, 5])
    }

    // MARK: Faults

    @Test("after a failed sync the pieces since the last one are lost, and those before are not")
    func failedSync() throws {
        let sample = try SampleVersion.varied()
        // Syncs: the journal's making, then partial and journal of the first commit, then this one.
        let faulty = FaultyDisk(disk, call: 4, .error(.ioError), only: .sync)
        let holding = try open(faulty).holding(of: sample.info, layers: sample.layers)
        try fetch([0], holding, sample)
        try holding.write(sample.piece(1), sample.bytes(of: sample.piece(1)))
        try holding.write(sample.piece(2), sample.bytes(of: sample.piece(2)))
        let error = #expect(throws: StorageError.self) { try holding.commit([sample.piece(1)]) }
        #expect(error?.code == .syncFailed)
        // Piece 2 was written to the same file, so nobody knows whether it is there.
        #expect(error?.lostPieces.map(\.number) == [1, 2])
        #expect(holding.verified.members == [0])
        // A commit of what was lost is refused as well, not taken for done.
        let late = #expect(throws: StorageError.self) { try holding.commit([sample.piece(2)]) }
        #expect(late?.lostPieces.map(\.number) == [2])
        try fetch([1, 2], holding, sample)
        #expect(try holding.seal(file(0, sample)) == .sealed)
    }

    @Test("a journal that cannot be written loses no piece: the same commit works later")
    func failedJournal() throws {
        let sample = try SampleVersion.varied()
        let faulty = FaultyDisk(disk, call: 5, .error(.ioError), only: .sync)
        let holding = try open(faulty).holding(of: sample.info, layers: sample.layers)
        try fetch([0], holding, sample)
        try holding.write(sample.piece(1), sample.bytes(of: sample.piece(1)))
        let error = #expect(throws: StorageError.self) { try holding.commit([sample.piece(1)]) }
        #expect(error?.path == holding.store.layout.journal)
        #expect(error?.lostPieces == [])
        #expect(try holding.commit([sample.piece(1)]).map(\.number) == [1])
        let next = try open(disk.rebooted(after: .dropAll))
        let reopened = try next.holding(of: sample.info, layers: sample.layers)
        #expect(reopened.verified.members == [0, 1])
    }

    @Test("a version that cannot fit is refused before its first byte, with both numbers")
    func tooLittleSpace() throws {
        let sample = try SampleVersion.varied()
        let store = try open()
        disk.limit(to: 50_000)
        let holding = try store.holding(of: sample.info, layers: sample.layers)
        let piece = try sample.piece(0)
        let error = #expect(throws: StorageError.self) {
            try holding.write(piece, sample.bytes(of: piece))
        }
        #expect(error?.code == .diskFull)
        #expect(error?.message.contains("needs 90300 more bytes") == true)
        #expect(error?.message.contains("are free") == true)
        #expect(try disk.list(store.layout.partials).isEmpty)
        disk.limit(to: 200_000)
        try fetch([0], holding, sample)
    }

    @Test(
        "a disk that fills up on the way loses nothing, and the transfer goes on when there is room"
    )
    func fullOnTheWay() throws {
        let sample = try SampleVersion.varied()
        let store = try open()
        let holding = try store.holding(of: sample.info, layers: sample.layers)
        try fetch([0], holding, sample)
        disk.limit(to: 80_000)
        let piece = try sample.piece(3)
        let error = #expect(throws: StorageError.self) {
            try holding.write(piece, sample.bytes(of: piece))
        }
        #expect(error?.code == .diskFull)
        #expect(error?.message.contains("20000 bytes") == true)
        #expect(holding.verified.members == [0])
        disk.limit(to: .max)
        try fetch([1, 2, 3, 4], holding, sample)
        #expect(holding.verified.isFull)
    }

    @Test("an append that a full disk cuts short vouches for nothing, even after a kill")
    func journalCutShort() throws {
        let sample = try SampleVersion(
            [("a", SampleVersion.noise(100_000, seed: 1))],
            pieceLength: 16384
        )
        let store = try open()
        let holding = try store.holding(of: sample.info, layers: sample.layers)
        // Three runs that do not touch, so three records; there is room for one and a half.
        let pieces = try [0, 2, 4].map { try sample.piece($0) }
        for piece in pieces { try holding.write(piece, sample.bytes(of: piece)) }
        let used = 100_000 + "\(getpid())\n".utf8.count + 64
        disk.limit(to: used + 96)
        let error = #expect(throws: StorageError.self) { try holding.commit(pieces) }
        #expect(error?.code == .diskFull)
        #expect(error?.lostPieces == [])
        for piece in pieces { try holding.write(piece, sample.bytes(of: piece).map { ~$0 }) }
        let next = try open(disk.rebooted(after: .none))
        #expect(try next.holding(of: sample.info, layers: sample.layers).verified.isEmpty)
    }

    @Test("reserving makes every partial at its full length")
    func reserve() throws {
        let sample = try SampleVersion.varied()
        let store = try open()
        let holding = try store.holding(of: sample.info, layers: sample.layers)
        try holding.reserve()
        let sizes = try disk.list(store.layout.partials).map {
            disk.bytes(at: store.layout.partials.appending($0))?.count
        }
        #expect(Set(sizes) == [70_000, 20_000, 300])
    }

    @Test("a served range past the end of a file is padded with zeros")
    func paddedRange() throws {
        let sample = try SampleVersion.varied()
        let holding = try open().holding(of: sample.info, layers: sample.layers)
        try fetch([4], holding, sample)
        let raw = RawBlock(piece: 4, begin: 0, length: 16384)
        let range = try #require(
            sample.info.geometry.servedRange(of: raw, lengthMax: 16384)
        )
        var bytes = [UInt8](repeating: 0xEE, count: 16384)
        try bytes.withUnsafeMutableBytes { try holding.read(range, into: $0) }
        #expect(Array(bytes[..<300]) == sample.contents[3])
        #expect(bytes[300...].allSatisfy { $0 == 0 })
    }

    @Test("a path that leads out of the version is refused", arguments: ["..", ".", "a/b", ""])
    func unsafePath(_ part: String) throws {
        let sample = try SampleVersion.varied()
        let info = VersionInfo(
            infoHash: sample.info.infoHash,
            infoBytes: [],
            name: "unsafe",
            files: [FileEntry(path: ["x", part], length: 0, piecesRoot: nil)],
            geometry: try PieceGeometry(pieceLength: 16384, fileLengths: [0]),
            isPrivate: false
        )
        let error = #expect(throws: StorageError.self) {
            try open().holding(of: info, layers: [])
        }
        #expect(error?.code == .unsafePath)
    }
}
