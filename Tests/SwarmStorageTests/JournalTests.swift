import SwarmHash
import SwarmModel
import SwarmStorage
import SystemPackage
import Testing

@Suite struct JournalTests {
    private let journey: Journey
    /// A disk with a journal of several batches and a partial, cut before the seal.
    private let disk: MemoryDisk

    init() throws {
        journey = try Journey(
            try SampleVersion(
                [("big.bin", SampleVersion.noise(150_000, seed: 4))],
                pieceLength: 16384
            )
        )
        disk = MemoryDisk()
        let store = try Store.open(directory: journey.directory, fileSystem: disk)
        let holding = try store.holding(of: journey.sample.info, layers: journey.sample.layers)
        for number in [0, 1, 4, 5, 2, 8] {
            let piece = try journey.sample.piece(number)
            try holding.write(piece, journey.sample.bytes(of: piece))
            try holding.commit([piece])
        }
        // The one that is not committed is wrong, so that a false claim would show.
        try holding.write(
            journey.sample.piece(3),
            [UInt8](repeating: 0xAA, count: 16384)
        )
    }

    private var path: FilePath { StoreLayout(root: journey.directory).journal }

    private func verified(after change: (inout [UInt8]) -> Void) throws -> (Bitfield, [String]) {
        let disk = disk.rebooted(after: .none)
        disk.alter(path, change)
        let store = try Store.open(directory: journey.directory, fileSystem: disk)
        let holding = try store.holding(of: journey.sample.info, layers: journey.sample.layers)
        let verified = holding.verified
        let found = try holding.rescan()
        #expect(
            Set(found).isDisjoint(
                with: verified.members.compactMap { try? journey.sample.piece($0) }
            )
        )
        #expect(holding.verified.members == [0, 1, 2, 4, 5, 8], "after a rescan")
        return (verified, store.notes)
    }

    @Test("a journal cut at any byte keeps the whole batches before the cut, and says so")
    func tornTail() throws {
        let order = [0, 1, 4, 5, 2, 8]
        let size = try #require(disk.bytes(at: path)).count
        for cut in 0...size {
            let (verified, notes) = try verified { $0.removeLast($0.count - cut) }
            let whole = max(0, cut / 64 - 1)
            #expect(verified.members == order.prefix(whole).sorted(), "cut at \(cut)")
            let isWhole = cut % 64 == 0 && cut > 0
            #expect(notes.isEmpty == isWhole, "cut at \(cut): \(notes)")
        }
    }

    /// A store on the disk as it is now.
    private func holding(_ disk: MemoryDisk) throws -> Holding {
        let store = try Store.open(directory: journey.directory, fileSystem: disk)
        return try store.holding(of: journey.sample.info, layers: journey.sample.layers)
    }

    @Test("a lost or rotten journal is remembered until what it vouched for was read")
    func unread() throws {
        let changes: [(inout [UInt8]) -> Void] = [
            { $0 = [] },
            { $0[3] ^= 1 },
            // The second record, with later batches behind it.
            { $0[64 * 2 + 9] ^= 1 },
        ]
        for change in changes {
            let disk = disk.rebooted(after: .none)
            disk.alter(path, change)
            #expect(try holding(disk).mustRescan)
            // Nobody has read it yet.
            let again = disk.rebooted(after: .dropAll)
            let reopened = try holding(again)
            #expect(reopened.mustRescan)
            _ = try reopened.rescan()
            #expect(reopened.verified.members == [0, 1, 2, 4, 5, 8])
            #expect(!reopened.mustRescan)
            let last = try holding(again.rebooted(after: .dropAll))
            #expect(!last.mustRescan)
            #expect(last.verified.members == [0, 1, 2, 4, 5, 8])
        }
    }

    @Test("a torn tail and a fresh start ask for no reading")
    func nothingUnread() throws {
        #expect(try !holding(disk.rebooted(after: .none)).mustRescan)
        #expect(try !holding(MemoryDisk()).mustRescan)
        let torn = disk.rebooted(after: .none)
        torn.alter(path) { $0.removeLast(10) }
        #expect(try !holding(torn).mustRescan)
    }

    @Test("a flipped bit anywhere in the journal never makes a piece verified, and is noticed")
    func flippedBits() throws {
        let size = try #require(disk.bytes(at: path)).count
        for position in 0..<size {
            let bit = UInt8(1) << UInt8(position % 8)
            let (verified, notes) = try verified { $0[position] ^= bit }
            #expect(Set(verified.members).isSubset(of: [0, 1, 2, 4, 5, 8]), "at \(position)")
            #expect(!notes.isEmpty, "at \(position)")
        }
    }

    @Test("a duplicated tail is not taken for records")
    func duplicatedTail() throws {
        let (verified, notes) = try verified { $0 += $0.suffix(128) }
        #expect(verified.members == [0, 1, 2, 4, 5, 8])
        #expect(!notes.isEmpty)
    }

    @Test("a rotten record in the middle takes back what came before it, not what came after")
    func rottenMiddle() throws {
        let (verified, notes) = try verified { $0[64 * 3 + 10] ^= 1 }
        #expect(verified.members == [2, 5, 8])
        #expect(notes.contains { $0.contains("rotted") })
    }

    @Test("a journal of another format is refused, not overwritten")
    func foreignFormat() throws {
        let foreign = MemoryDisk()
        var store: Store? = try Store.open(directory: journey.directory, fileSystem: foreign)
        #expect(store?.notes == [])
        store = nil
        // The header of format 2 with its checksum, made by the codec's own rule.
        foreign.alter(path) { bytes in bytes = Self.header(of: "shoal journal 2\n") }
        #expect(throws: StorageError.self) {
            try Store.open(directory: journey.directory, fileSystem: foreign)
        }
        #expect(foreign.bytes(at: path) == Self.header(of: "shoal journal 2\n"))
    }

    private static func header(of greeting: String) -> [UInt8] {
        var bytes = Array(greeting.utf8)
        bytes += [UInt8](repeating: 0, count: 56 - bytes.count)
        let sum = bytes.withUnsafeBytes { xxh3_64($0) }
        withUnsafeBytes(of: sum.littleEndian) { bytes.append(contentsOf: $0) }
        return bytes
    }

    @Test("arbitrary bytes are read without a trap")
    func arbitraryBytes() {
        for seed in 0..<200 as Range<UInt64> {
            let bytes = SampleVersion.noise(Int(seed) * 3, seed: seed)
            let replay = bytes.withUnsafeBytes { Journal.replay(bytes: $0) }
            #expect(replay.claims.byRoot.isEmpty)
        }
    }

    @Test("a journal full of superseded records is written anew, with the same claims")
    func compaction() throws {
        let disk = MemoryDisk()
        let sample = journey.sample
        var settings = StoreSettings()
        settings.journalRecordsSlack = 8
        let store = try Store.open(
            directory: journey.directory,
            settings: settings,
            fileSystem: disk
        )
        let holding = try store.holding(of: sample.info, layers: sample.layers)
        let pieces = Array(sample.info.geometry.pieces)
        for piece in pieces {
            try holding.write(piece, sample.bytes(of: piece))
            try holding.commit([piece])
        }
        let file = try #require(sample.info.geometry.file(0))
        let root = try #require(sample.info.files[0].piecesRoot)
        for _ in 0..<20 {
            disk.alter(store.layout.partial(root)) { $0[0] ^= 1 }
            #expect(try holding.seal(file) == .damaged([pieces[0]]))
            try holding.write(pieces[0], sample.bytes(of: pieces[0]))
            try holding.commit([pieces[0]])
            #expect(try #require(disk.bytes(at: path)).count <= 64 * 40)
        }
        let next = disk.rebooted(after: .dropAll)
        let reopened = try Store.open(directory: journey.directory, fileSystem: next)
        let again = try reopened.holding(of: sample.info, layers: sample.layers)
        #expect(again.verified.isFull)
    }
}
