import SwarmModel
import SwarmStorage
import SystemPackage
import Testing

/// The link to the version that serves.
@Suite struct StoreCurrentTests {
    private func publish(_ sample: SampleVersion, _ version: String, in store: Store) throws {
        let holding = try store.holding(of: sample.info, layers: sample.layers)
        for piece in sample.info.geometry.pieces where !holding.verified[piece] {
            try holding.write(piece, sample.bytes(of: piece))
            try holding.commit([piece])
        }
        for file in sample.info.geometry.files { #expect(try holding.seal(file) == .sealed) }
        try holding.publishView(as: reference(version))
    }

    private func twoVersions(on disk: MemoryDisk) throws -> Store {
        let store = try Store.open(directory: "/data", fileSystem: disk)
        try publish(.varied(seed: 1), "1", in: store)
        try publish(.varied(seed: 2), "2", in: store)
        return store
    }

    @Test("the link is switched in one step, to a visible version only, and taken away again")
    func switching() throws {
        let name = try ModelName(sampleName)
        let store = try twoVersions(on: MemoryDisk())
        #expect(try store.current(of: name) == nil)
        try store.switchCurrent(of: name, to: "1")
        #expect(try store.current(of: name) == "1")
        try store.switchCurrent(of: name, to: "2")
        try store.switchCurrent(of: name, to: "2")
        #expect(try store.current(of: name) == "2")
        let error = #expect(throws: StorageError.self) {
            try store.switchCurrent(of: name, to: "3")
        }
        #expect(error?.code == .unknownVersion)
        #expect(throws: StorageError.self) { try store.switchCurrent(of: name, to: "../../x") }
        #expect(try store.current(of: name) == "2")
        try store.switchCurrent(of: name, to: nil)
        try store.switchCurrent(of: name, to: nil)
        #expect(try store.current(of: name) == nil)
        try store.switchCurrent(of: ModelName("no/such"), to: nil)
    }

    @Test("the version that serves is not removed, and the link is no version")
    func removal() throws {
        let store = try twoVersions(on: MemoryDisk())
        try store.switchCurrent(of: ModelName(sampleName), to: "1")
        let error = #expect(throws: StorageError.self) { try store.remove(reference("1")) }
        #expect(error?.code == .inUse)
        #expect(error?.message.contains("shoal activate") == true)
        try store.remove(reference("2"))
        #expect(try store.versions().map(\.reference) == [reference("1")])
    }

    @Test("a death at any call leaves the old link or the new one, and the next try succeeds")
    func deathAtEachCall() throws {
        let name = try ModelName(sampleName)
        let disk = MemoryDisk()
        try twoVersions(on: disk).switchCurrent(of: name, to: "1")
        var number = 1
        while true {
            let start = disk.rebooted(after: .none)
            let faulty = FaultyDisk(start, call: number, .death)
            do {
                let store = try Store.open(directory: "/data", fileSystem: faulty)
                try store.switchCurrent(of: name, to: "2")
                #expect(!faulty.hasFired)
            } catch { #expect(faulty.hasFired, "\(error)") }
            guard faulty.hasFired else { break }
            for loss in [MemoryDisk.PowerLoss.none, .dropAll, .mixed(seed: UInt64(number))] {
                let next = start.rebooted(after: loss)
                let store = try Store.open(directory: "/data", fileSystem: next)
                let found = try store.current(of: name)
                #expect(found == "1" || found == "2", "call \(number), \(loss)")
                try store.switchCurrent(of: name, to: "2")
                let last = try Store.open(
                    directory: "/data",
                    fileSystem: next.rebooted(after: .dropAll)
                )
                #expect(try last.current(of: name) == "2", "call \(number), \(loss)")
            }
            number += 1
        }
        #expect(number > 8)
    }

    @Test("a server's open file keeps its bytes over a switch and a removal, on the real disk")
    func openFiles() throws {
        let directory = try TemporaryDirectory()
        let store = try Store.open(directory: directory.path.appending("data"))
        let sample = try SampleVersion.varied(seed: 1)
        try publish(sample, "1", in: store)
        try publish(.varied(seed: 2), "2", in: store)
        let name = try ModelName(sampleName)
        try store.switchCurrent(of: name, to: "1")
        let link = store.layout.current(name)
        let file = try FileDescriptor.open(link.appending("big.bin"), .readOnly)
        defer { try? file.close() }
        try store.switchCurrent(of: name, to: "2")
        #expect(try store.current(of: name) == "2")
        try store.remove(reference("1"))
        var bytes = [UInt8](repeating: 0, count: sample.contents[0].count)
        let count = try bytes.withUnsafeMutableBytes {
            try file.read(fromAbsoluteOffset: 0, into: $0)
        }
        #expect(count == bytes.count)
        #expect(bytes == sample.contents[0])
    }

    @Test("the host's record is replaced whole")
    func hostRecord() throws {
        let disk = MemoryDisk()
        let store = try Store.open(directory: "/data", fileSystem: disk)
        #expect(try store.hostRecord() == nil)
        try store.saveHostRecord([1, 2, 3])
        try store.saveHostRecord([4])
        #expect(try store.hostRecord() == [4])
        #expect(disk.rebooted(after: .dropAll).bytes(at: "/data/host.json") == [4])
    }
}
