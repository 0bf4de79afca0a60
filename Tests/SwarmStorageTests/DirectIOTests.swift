import SwarmModel
import SwarmStorage
import SystemPackage
import Testing

@Suite("Direct I/O")
struct DirectIOTests {
    private var settings: StoreSettings {
        var settings = StoreSettings()
        settings.directIO = true
        return settings
    }

    @Test("whole pages go past the cache, the end of a file through it, and all bytes are right")
    func tails() throws {
        let lengths = [1, 4095, 4096, 4097, 16384, 16385, 40_000, 65_536, 70_001]
        let sample = try SampleVersion(
            lengths.map { ("file-\($0)", SampleVersion.noise($0, seed: UInt64($0))) }
        )
        let journey = try Journey(sample, directIO: true)
        let disk = MemoryDisk()
        var promises = Journey.Promises()
        try journey.run(disk, &promises)
        try journey.checkView(disk, "after a download")
        // Each piece is written twice, and the store tries one page when it opens.
        #expect(
            disk.directByteCount == 4096 + 2 * lengths.reduce(0) { $0 + $1 - $1 % 4096 }
        )
    }

    @Test("a store that was not told so writes nothing past the cache")
    func off() throws {
        let disk = MemoryDisk()
        var promises = Journey.Promises()
        try Journey(try .varied()).run(disk, &promises)
        #expect(disk.directByteCount == 0)
    }

    @Test("a data directory in memory is written as ever, with a note that says so")
    func memory() throws {
        let disk = MemoryDisk(saysMemory: true)
        let store = try Store.open(directory: "/data", settings: settings, fileSystem: disk)
        #expect(store.notes.count == 1)
        #expect(store.notes[0].contains("'/data' has no direct I/O"))
        #expect(disk.directByteCount == 0)
        #expect(try disk.list("/data/partial").isEmpty)
    }

    @Test("a disk that refuses direct I/O is written as ever, with a note that says so")
    func refused() throws {
        let disk = FaultyDisk(MemoryDisk(), call: 1, .error(.invalidArgument), only: .openDirect)
        let store = try Store.open(directory: "/data", settings: settings, fileSystem: disk)
        #expect(disk.hasFired)
        #expect(store.notes.count == 1)
    }

    @Test("a real disk takes it, or the store does without")
    func real() throws {
        let directory = try TemporaryDirectory()
        let sample = try SampleVersion.varied()
        let store = try Store.open(
            directory: directory.path.appending("data"),
            settings: settings
        )
        let holding = try store.holding(of: sample.info, layers: sample.layers)
        for piece in sample.info.geometry.pieces where !holding.verified[piece] {
            try holding.write(piece, sample.bytes(of: piece))
            try holding.commit([piece])
        }
        try holding.readBack(Array(sample.info.geometry.pieces))
        for file in sample.info.geometry.files { #expect(try holding.seal(file) == .sealed) }
        let view = try holding.publishView(as: reference("1"))
        for (entry, bytes) in zip(sample.info.files, sample.contents) where !bytes.isEmpty {
            #expect(try TemporaryDirectory.bytes(view.appending(entry.joinedPath)) == bytes)
        }
    }
}
