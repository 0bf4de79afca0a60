import SwarmModel
import SwarmStorage
import SystemPackage
import Testing

/// Views, removal, verification and kept metainfo on a disk in memory.
@Suite struct StoreVersionsTests {
    private let disk = MemoryDisk()
    private let directory: FilePath = "/data"

    private func open() throws -> Store {
        try Store.open(directory: directory, fileSystem: disk)
    }

    @discardableResult
    private func publish(
        _ sample: SampleVersion,
        _ version: String,
        in store: Store
    ) throws -> FilePath {
        let holding = try store.holding(of: sample.info, layers: sample.layers)
        for piece in sample.info.geometry.pieces where !holding.verified[piece] {
            try holding.write(piece, sample.bytes(of: piece))
            try holding.commit([piece])
        }
        for file in sample.info.geometry.files { #expect(try holding.seal(file) == .sealed) }
        return try holding.publishView(as: reference(version))
    }

    @Test("publishing a version again is no change; another one under its name is refused")
    func viewIdempotence() throws {
        let (one, two) = (try SampleVersion.varied(seed: 1), try SampleVersion.varied(seed: 2))
        let store = try open()
        let view = try publish(one, "1", in: store)
        #expect(try publish(one, "1", in: store) == view)
        let error = #expect(throws: StorageError.self) { try publish(two, "1", in: store) }
        #expect(error?.code == .occupied)
        #expect(error?.message.contains(one.info.infoHash.description) == true)
        #expect(try disk.list(view.removingLastComponent()).sorted() == [".1.shoal", "1"])
        #expect(try disk.list(store.layout.models) == ["acme"])
    }

    @Test("a view needs every file sealed")
    func unsealedView() throws {
        let sample = try SampleVersion.varied()
        let store = try open()
        let holding = try store.holding(of: sample.info, layers: sample.layers)
        let error = #expect(throws: StorageError.self) {
            try holding.publishView(as: reference("1"))
        }
        #expect(error?.code == .notSealed)
        #expect(try disk.list(store.layout.models).isEmpty)
    }

    @Test(
        "where links cannot be made a view is copied",
        arguments: [Errno.improperLink, .tooManyLinks, .notPermitted]
    )
    func copiedView(_ error: Errno) throws {
        disk.refuseLinks(error)
        let journey = try Journey(try .varied())
        let store = try open()
        try publish(journey.sample, "1", in: store)
        try journey.checkView(disk, "copied")
    }

    @Test("an export is linked where it cannot be cloned and copied where it cannot be linked")
    func exportByLinkAndCopy() throws {
        let sample = try SampleVersion.varied()
        let store = try open()
        try publish(sample, "1", in: store)
        let holding = try store.holding(of: sample.info, layers: sample.layers)
        try holding.export(to: "/linked")
        disk.refuseLinks(.improperLink)
        try holding.export(to: "/copied")
        let root = try #require(sample.info.files[0].piecesRoot)
        let blob = try disk.status(at: store.layout.blob(root), followingLinks: false)
        let linked = try disk.status(at: "/linked/big.bin", followingLinks: false)
        let copied = try disk.status(at: "/copied/big.bin", followingLinks: false)
        #expect(linked?.inode == blob?.inode)
        #expect(copied?.inode != blob?.inode)
        for (entry, bytes) in zip(sample.info.files, sample.contents) {
            #expect(disk.bytes(at: FilePath("/linked/\(entry.joinedPath)")) == bytes)
            #expect(disk.bytes(at: FilePath("/copied/\(entry.joinedPath)")) == bytes)
        }
        #expect(try disk.list("/") == ["copied", "data", "linked"])
    }

    @Test("removing a version keeps what another one shares with it")
    func removalWithSharedFiles() throws {
        let common = SampleVersion.noise(40_000, seed: 8)
        let one = try SampleVersion([("same", common), ("old", [1])], seed: 1)
        let two = try SampleVersion([("same", common), ("new", [2])], seed: 2)
        let store = try open()
        try publish(one, "1", in: store)
        try publish(two, "2", in: store)
        #expect(try disk.list(store.layout.blobs).count == 3)
        try store.remove(reference("1"))
        #expect(try store.versions().map(\.reference) == [reference("2")])
        #expect(try disk.list(store.layout.blobs).count == 2)
        #expect(disk.bytes(at: store.layout.view(try reference("2")).appending("same")) == common)
        try store.remove(reference("2"))
        #expect(try store.versions() == [])
        #expect(try disk.list(store.layout.blobs).isEmpty)
        let error = #expect(throws: StorageError.self) { try store.remove(reference("2")) }
        #expect(error?.code == .unknownVersion)
        // The journal has forgotten it too.
        #expect(try store.holding(of: one.info, layers: one.layers).verified.isEmpty)
    }

    @Test("an open version is not removed, and what it shares with a removed one stays")
    func removalWhileOpen() throws {
        let (one, two) = (try SampleVersion.varied(seed: 1), try SampleVersion.varied(seed: 2))
        let store = try open()
        try publish(one, "1", in: store)
        var holding: Holding? = try store.holding(of: one.info, layers: one.layers)
        let error = #expect(throws: StorageError.self) { try store.remove(reference("1")) }
        #expect(error?.code == .inUse)
        #expect(holding != nil)
        holding = nil
        let other = try store.holding(of: two.info, layers: two.layers)
        #expect(other.verified.isFull)
        try store.remove(reference("1"))
        #expect(try other.bytes(of: two.piece(0)) == two.bytes(of: two.piece(0)))
    }

    @Test(
        "who waits for a version to close is told when its last holding goes",
        // Against waiting for ever; beside many others it may not have its turn for minutes.
        .timeLimit(.minutes(30))
    )
    func closing() async throws {
        let (one, two) = (try SampleVersion.varied(seed: 1), try SampleVersion.varied(seed: 2))
        let store = try open()
        let other = try store.holding(of: two.info, layers: two.layers)
        var holdings = [
            try store.holding(of: one.info, layers: one.layers),
            try store.holding(of: one.info, layers: one.layers),
        ]
        let closing = store.closing(of: one.info.infoHash)
        holdings.removeLast()
        let open = #expect(throws: StorageError.self) { try store.discard(one.info) }
        #expect(open?.code == .inUse)
        holdings.removeLast()
        for await _ in closing {}
        for await _ in store.closing(of: one.info.infoHash) {}
        try store.discard(one.info)
        #expect(other.verified.isEmpty)
    }

    @Test("discarding an unfinished version leaves nothing of it")
    func discard() throws {
        let sample = try SampleVersion.varied()
        let store = try open()
        try store.saveTorrent([1, 2, 3], for: sample.info.infoHash, as: reference("1"))
        var holding: Holding? = try store.holding(of: sample.info, layers: sample.layers)
        let piece = try sample.piece(0)
        try holding?.write(piece, sample.bytes(of: piece))
        try holding?.commit([piece])
        #expect(throws: StorageError.self) { try store.discard(sample.info) }
        let listed = try #require(try store.versions().first)
        #expect(listed.state == .partial)
        #expect(listed.bytes == 32768)
        #expect(listed.reference == (try reference("1")))
        holding = nil
        try store.discard(sample.info)
        #expect(try store.versions() == [])
        #expect(try disk.list(store.layout.partials).isEmpty)
        #expect(try store.holding(of: sample.info, layers: []).verified.isEmpty)
    }

    @Test("metainfo is kept over a restart, byte for byte, with its name")
    func torrents() throws {
        let hash = InfoHash(Digest.zero)
        let bytes = SampleVersion.noise(5000, seed: 3)
        var store: Store? = try open()
        try store?.saveTorrent(bytes, for: hash, as: reference("7"))
        store = nil
        let again = try Store.open(directory: directory, fileSystem: disk.rebooted(after: .dropAll))
        #expect(try again.torrent(for: hash) == bytes)
        #expect(try again.torrents().map(\.infoHash) == [hash])
        #expect(try again.torrents().map(\.reference) == [reference("7")])
        try again.removeTorrent(hash)
        #expect(try again.torrents().isEmpty)
        #expect(try again.torrent(for: hash) == nil)
    }

    @Test("verifying names exactly the damaged pieces", arguments: [1, 3])
    func verify(_ threads: Int) throws {
        let sample = try SampleVersion.varied()
        let store = try open()
        let view = try publish(sample, "1", in: store)
        func report() throws -> VerifyReport {
            try store.verify(
                reference("1"),
                info: sample.info,
                layers: sample.layers,
                threads: threads
            )
        }
        #expect(try report().isSound)
        disk.alter(view.appending("big.bin")) { $0[69_999] ^= 1 }
        disk.alter(view.appending("empty")) { $0 = [1] }
        disk.alter(view.appending("run.sh")) { $0.removeLast() }
        let damaged = try report().damaged
        #expect(damaged.map(\.path) == ["big.bin", "empty", "run.sh"].map { view.appending($0) })
        #expect(damaged.map { $0.pieces.map(\.number) } == [[2], [], [4]])
        try disk.unlink(view.appending("deep/er/twin-a"))
        #expect(try report().damaged.map(\.pieces.count) == [1, 1, 0, 1])
    }
}
