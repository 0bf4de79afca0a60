import SwarmModel
import SwarmStorage
import SystemPackage
import Testing

/// Finding what has rotted, taking it out of use, and keeping what is right of it.
@Suite struct ScrubTests {
    private let disk = MemoryDisk()
    private let sample: SampleVersion

    init() throws { sample = try SampleVersion.varied() }

    private func published() throws -> Store {
        let store = try Store.open(directory: "/data", fileSystem: disk)
        let holding = try store.holding(of: sample.info, layers: sample.layers)
        for piece in sample.info.geometry.pieces where !holding.verified[piece] {
            try holding.write(piece, sample.bytes(of: piece))
            try holding.commit([piece])
        }
        for file in sample.info.geometry.files { _ = try holding.seal(file) }
        try holding.publishView(as: reference("1"))
        try holding.publishView(as: reference("2"))
        try store.switchCurrent(of: reference("1").name, to: "1")
        return store
    }

    private func scrubbed(_ store: Store, byteCount: Int = 1) throws -> (Scrub, steps: Int) {
        var scrub = try Scrub(
            reference("1"),
            info: sample.info,
            layers: sample.layers,
            in: store
        )
        var steps = 0
        while !scrub.isDone {
            let count = scrub.step(byteCount: byteCount)
            #expect(count > 0)
            steps += 1
        }
        return (scrub, steps)
    }

    private func root(_ file: Int) throws -> Digest {
        try #require(sample.info.files[file].piecesRoot)
    }

    @Test("a sound version is read piece by piece, each content once, and its copies in the view")
    func sound() throws {
        let store = try published()
        let (scrub, steps) = try scrubbed(store)
        #expect(scrub.isSound)
        // Three pieces, that of the twins, that of the executable, and its copy in the view.
        #expect(steps == 6)
        #expect(try scrubbed(store, byteCount: 1 << 30).steps == 1)
    }

    @Test("one wrong bit is found, and nobody can read the version any more, under any name")
    func damage() throws {
        let store = try published()
        let bad = try root(0)
        disk.alter(store.layout.blob(bad)) { $0[40_000] ^= 1 }
        let (scrub, _) = try scrubbed(store)
        #expect(scrub.damaged == [bad])
        let hidden = try store.quarantine(scrub.damaged, viewOf: reference("1"))
        #expect(try hidden == [reference("1"), reference("2")])
        #expect(try store.current(of: reference("1").name) == nil)
        #expect(try store.versions().isEmpty)
        let holding = try store.holding(of: sample.info, layers: sample.layers)
        #expect(try holding.salvage() == 70_000 - 32_768)
        let missing = Array(sample.info.geometry.pieces).filter { !holding.verified[$0] }
        #expect(missing.map(\.number) == [1])
        #expect(try disk.list(store.layout.partials) == [bad.hex])
        try holding.write(missing[0], sample.bytes(of: missing[0]))
        try holding.commit(Array(missing))
        for file in sample.info.geometry.files { #expect(try holding.seal(file) == .sealed) }
        let view = try holding.publishView(as: reference("1"))
        #expect(disk.bytes(at: view.appending("big.bin")) == sample.contents[0])
        #expect(try scrubbed(store).0.isSound)
    }

    @Test("a damaged copy in the view is found, and made anew from the content")
    func damagedCopy() throws {
        let store = try published()
        let path = try store.layout.view(reference("1")).appending("run.sh")
        disk.alter(path) { $0[7] ^= 1 }
        let (scrub, _) = try scrubbed(store)
        #expect(scrub.damaged.isEmpty)
        #expect(scrub.isViewDamaged)
        #expect(try store.quarantine([], viewOf: reference("1")) == [reference("1")])
        let holding = try store.holding(of: sample.info, layers: sample.layers)
        #expect(try holding.salvage() == 0)
        try holding.publishView(as: reference("1"))
        #expect(disk.bytes(at: path) == sample.contents[3])
    }

    @Test("a file that is gone or cut short is damage")
    func gone() throws {
        let store = try published()
        disk.alter(store.layout.blob(try root(0))) { $0.removeLast() }
        try disk.unlink(store.layout.blob(try root(3)))
        let (scrub, _) = try scrubbed(store)
        #expect(try scrub.damaged == [root(0), root(3)])
    }

    @Test("nothing is taken from under a version that is open")
    func open() throws {
        let store = try published()
        let holding = try store.holding(of: sample.info, layers: sample.layers)
        let error = #expect(throws: StorageError.self) {
            try store.quarantine([root(0)], viewOf: reference("1"))
        }
        #expect(error?.code == .inUse)
        #expect(try store.current(of: reference("1").name) == "1")
        withExtendedLifetime(holding) {}
    }
}
