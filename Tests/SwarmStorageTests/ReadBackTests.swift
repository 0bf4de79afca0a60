import SwarmModel
import SwarmStorage
import SystemPackage
import Testing

/// What was written is read from media before it is sealed: by XXH3 while the rest arrives, and by
/// SHA-256 where that cannot vouch.
@Suite struct ReadBackTests {
    private let disk = MemoryDisk()

    private func open(_ disk: MemoryDisk? = nil) throws -> Store {
        let disk = disk ?? self.disk
        var settings = StoreSettings()
        settings.spareBytesMin = 0
        return try Store.open(directory: "/data", settings: settings, fileSystem: disk)
    }

    private func fetch(_ numbers: [Int], _ holding: Holding, _ sample: SampleVersion) throws {
        for number in numbers {
            let piece = try sample.piece(number)
            try holding.write(piece, sample.bytes(of: piece))
            try holding.commit([piece])
        }
    }

    private func file(_ sample: SampleVersion) throws -> FileIndex {
        try #require(sample.info.geometry.file(0))
    }

    @Test("pieces that were read back are not read again by the seal")
    func readOnce() throws {
        let sample = try SampleVersion.varied()
        let holding = try open().holding(of: sample.info, layers: sample.layers)
        try fetch([0, 1, 2], holding, sample)
        try holding.readBack(sample.pieces([0, 1, 2]))
        let before = disk.readCount
        #expect(try holding.seal(file(sample)) == .sealed)
        #expect(disk.readCount == before)
    }

    @Test(
        "damage before the piece is read back, or before a seal that has to read it, is found",
        arguments: [true, false]
    )
    func damage(readsBack: Bool) throws {
        let sample = try SampleVersion.varied()
        let store = try open()
        let holding = try store.holding(of: sample.info, layers: sample.layers)
        try fetch([0, 1, 2], holding, sample)
        let root = try #require(sample.info.files[0].piecesRoot)
        disk.alter(store.layout.partial(root)) { $0[40_000] ^= 4 }
        if readsBack { try holding.readBack(sample.pieces([0, 1, 2])) }
        #expect(try holding.seal(file(sample)) == .damaged(sample.pieces([1])))
        try fetch([1], holding, sample)
        if readsBack { try holding.readBack(sample.pieces([1])) }
        #expect(try holding.seal(file(sample)) == .sealed)
    }

    @Test("blocks that changed places on disk are found")
    func swappedBlocks() throws {
        let sample = try SampleVersion.varied()
        let store = try open()
        let holding = try store.holding(of: sample.info, layers: sample.layers)
        try fetch([0, 1, 2], holding, sample)
        let root = try #require(sample.info.files[0].piecesRoot)
        disk.alter(store.layout.partial(root)) { bytes in
            for offset in 0..<PieceGeometry.blockLength {
                bytes.swapAt(offset, PieceGeometry.blockLength + offset)
            }
        }
        try holding.readBack(sample.pieces([0, 1, 2]))
        #expect(try holding.seal(file(sample)) == .damaged(sample.pieces([0])))
    }

    @Test("bytes of a failed attempt leave no sum behind")
    func secondAttempt() throws {
        let sample = try SampleVersion.varied()
        let holding = try open().holding(of: sample.info, layers: sample.layers)
        let piece = try sample.piece(0)
        try holding.write(piece, sample.bytes(of: piece).map { ~$0 })
        try fetch([0, 1, 2], holding, sample)
        try holding.readBack(sample.pieces([0, 1, 2]))
        let before = disk.readCount
        #expect(try holding.seal(file(sample)) == .sealed)
        #expect(disk.readCount == before)
    }

    @Test("in memory alone nothing is read back except what an earlier process wrote")
    func memoryOnly() throws {
        let disk = MemoryDisk(saysMemory: true)
        let sample = try SampleVersion.varied()
        var holding: Holding? = try open(disk).holding(of: sample.info, layers: sample.layers)
        try fetch([0], #require(holding), sample)
        holding = nil
        let root = try #require(sample.info.files[0].piecesRoot)
        let store = try open(disk)
        disk.alter(store.layout.partial(root)) { $0[40] ^= 4 }
        let next = try store.holding(of: sample.info, layers: sample.layers)
        try fetch([1, 2], next, sample)
        try next.readBack(sample.pieces([1, 2]))
        let before = disk.readCount
        #expect(try next.seal(file(sample)) == .damaged(sample.pieces([0])))
        #expect(disk.readCount == before + 1)
    }
}
