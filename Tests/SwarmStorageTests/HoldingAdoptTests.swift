import SwarmModel
import SwarmStorage
import SystemPackage
import Testing

/// Taking over files that are here already, and what versions take of the disk.
@Suite struct HoldingAdoptTests {
    private let disk = MemoryDisk()

    private func store() throws -> Store {
        try Store.open(directory: "/data", fileSystem: disk)
    }

    /// Puts a version's files into a directory, as somebody else would have.
    private func lay(_ sample: SampleVersion, into directory: FilePath) throws {
        try disk.makeDirectory(directory, mode: [.ownerReadWriteExecute])
        for (entry, bytes) in zip(sample.info.files, sample.contents) {
            var parent = directory
            for part in entry.path.dropLast() {
                parent.append(part)
                try? disk.makeDirectory(parent, mode: [.ownerReadWriteExecute])
            }
            let path = parent.appending(entry.path[entry.path.count - 1])
            let file = try disk.open(path, .created([.ownerReadWrite]))
            defer { try? disk.close(file) }
            var done = 0
            while done < bytes.count {
                done += try bytes[done...].withUnsafeBytes { part throws(Errno) in
                    try disk.write(file, part, at: done)
                }
            }
        }
    }

    @Test("what matches becomes a sealed version without a byte from elsewhere")
    func whole() throws {
        let sample = try SampleVersion.varied()
        try lay(sample, into: "/cache")
        let store = try store()
        let holding = try store.holding(of: sample.info, layers: sample.layers)
        let adoption = try holding.adopt(from: "/cache")
        #expect(adoption.problems == [])
        // The twins are one content.
        #expect(adoption.bytes == 70_000 + 20_000 + 300)
        #expect(holding.verified.isFull)
        for file in sample.info.geometry.files { #expect(try holding.seal(file) == .sealed) }
        let view = try holding.publishView(as: reference("1"))
        // The directory's owner does as he likes with his files.
        disk.alter("/cache/big.bin") { $0[5] ^= 1 }
        #expect(disk.bytes(at: view.appending("big.bin")) == sample.contents[0])
        #expect(try holding.adopt(from: "/cache") == Adoption())
    }

    @Test("files that are missing, longer or other bytes are named, and the rest is taken")
    func parts() throws {
        let sample = try SampleVersion.varied()
        try lay(sample, into: "/cache")
        disk.alter("/cache/big.bin") { $0[40_000] ^= 1 }
        disk.alter("/cache/run.sh") { $0.append(1) }
        try disk.unlink("/cache/deep/er/twin-a")
        let store = try store()
        let holding = try store.holding(of: sample.info, layers: sample.layers)
        let adoption = try holding.adopt(from: "/cache")
        let reasons = adoption.problems.map { "\($0.path): \($0.reason)" }
        #expect(
            reasons == [
                "big.bin: 1 of 3 pieces are other bytes",
                "deep/er/twin-a: is missing",
                "run.sh: has 301 bytes, the version says 300",
            ]
        )
        // The second twin is whole, so that the first is here too.
        let missing = sample.info.geometry.pieces.filter { !holding.verified[$0] }
        #expect(missing.map(\.number) == [1, 4])
        let next = try Store.open(
            directory: "/data",
            fileSystem: disk.rebooted(after: .dropAll)
        ).holding(of: sample.info, layers: sample.layers)
        #expect(next.verified == holding.verified)
    }

    @Test("a disk without room is an error, and what was taken stays")
    func fullDisk() throws {
        let sample = try SampleVersion.varied()
        try lay(sample, into: "/cache")
        let store = try store()
        disk.limit(to: 100_000)
        let holding = try store.holding(of: sample.info, layers: sample.layers)
        let error = #expect(throws: StorageError.self) { try holding.adopt(from: "/cache") }
        #expect(error?.code == .diskFull)
    }

    @Test("use counts contents once, and open versions with what they still need")
    func usage() throws {
        let sample = try SampleVersion.varied()
        try lay(sample, into: "/cache")
        let store = try store()
        let contents = 70_000 + 20_000 + 300
        #expect(try store.usage().used == 0)
        #expect(try store.bytesNeeded(for: sample.info) == contents)
        do {
            let holding = try store.holding(of: sample.info, layers: sample.layers)
            #expect(try store.usage().used == contents)
            _ = try holding.adopt(from: "/cache")
            for file in sample.info.geometry.files { _ = try holding.seal(file) }
            try holding.publishView(as: reference("1"))
            try holding.publishView(as: reference("2"))
        }
        #expect(try store.usage().used == contents)
        #expect(try store.bytesNeeded(for: sample.info) == 0)
        #expect(try store.bytesFreed(byRemoving: [reference("1")]) == 0)
        let both = try [reference("1"), reference("2")]
        #expect(try store.bytesFreed(byRemoving: both) == contents)
    }
}
