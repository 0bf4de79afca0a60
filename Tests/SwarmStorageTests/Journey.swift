import SwarmModel
import SwarmStorage
import SystemPackage
import Testing

/// A whole life of a version: fetch what is missing, commit, seal, publish; and what must be true
/// of a disk after it was cut short anywhere.
struct Journey {
    let sample: SampleVersion
    let reference: ModelReference
    let directory: FilePath = "/data"
    let settings: StoreSettings

    init(_ sample: SampleVersion, directIO: Bool = false) throws {
        self.sample = sample
        var settings = StoreSettings()
        settings.directIO = directIO
        self.settings = settings
        reference = try SwarmStorageTests.reference("1")
    }

    /// What the store has promised so far.
    struct Promises {
        var verified: Set<PieceIndex> = []
        var isPublished = false
    }

    /// Pieces in one commit.
    static let commitSize = 2
    static let roundsMax = 8

    func run(_ fileSystem: any FileSystem, _ promises: inout Promises) throws(StorageError) {
        try run(try open(fileSystem), &promises)
    }

    func open(_ fileSystem: any FileSystem) throws(StorageError) -> Store {
        try Store.open(directory: directory, settings: settings, fileSystem: fileSystem)
    }

    func run(_ store: Store, _ promises: inout Promises) throws(StorageError) {
        let holding = try store.holding(of: sample.info, layers: sample.layers)
        for _ in 0..<Self.roundsMax {
            try fetch(holding, &promises)
            if try seal(holding, &promises) {
                try holding.publishView(as: reference)
                promises.isPublished = true
                return
            }
        }
        throw StorageError(.system, "no end of damaged pieces")
    }

    /// False when pieces have to be fetched again.
    private func seal(
        _ holding: Holding,
        _ promises: inout Promises
    ) throws(StorageError) -> Bool {
        for file in sample.info.geometry.files {
            guard case .damaged(let pieces) = try holding.seal(file) else { continue }
            promises.verified.subtract(pieces)
            return false
        }
        return true
    }

    private func fetch(
        _ holding: Holding,
        _ promises: inout Promises
    ) throws(StorageError) {
        for _ in 0..<Self.roundsMax {
            let verified = holding.verified
            let missing = Array(sample.info.geometry.pieces.filter { !verified[$0] })
            if missing.isEmpty { return }
            for start in stride(from: 0, to: missing.count, by: Self.commitSize) {
                let group = missing[start..<min(start + Self.commitSize, missing.count)]
                try fetch(Array(group), holding, &promises)
            }
        }
        throw StorageError(.system, "no end of missing pieces: \(holding.verified.members)")
    }

    private func fetch(
        _ group: [PieceIndex],
        _ holding: Holding,
        _ promises: inout Promises
    ) throws(StorageError) {
        var written: [PieceIndex] = []
        for piece in group where !holding.verified[piece] {
            // A liar sends the piece first.
            let right = sample.bytes(of: piece)
            try holding.write(piece, right.map { ~$0 })
            try holding.write(piece, right)
            written.append(piece)
        }
        do throws(StorageError) {
            promises.verified.formUnion(try holding.commit(written))
        } catch {
            promises.verified.subtract(error.lostPieces)
            throw error
        }
    }

    /// Checks what a disk holds after a crash, with nothing but the disk to go by.
    func check(_ disk: MemoryDisk, _ promises: Promises, _ comment: Comment) throws {
        let layout = StoreLayout(root: directory)
        let blobs = (try? disk.list(layout.blobs)) ?? []
        let visible = try disk.status(at: layout.view(reference), followingLinks: false) != nil
        if visible {
            try checkView(disk, comment)
        } else {
            #expect(!promises.isPublished, comment)
        }
        for name in blobs {
            let root = try #require(Digest(hex: name))
            let bytes = try #require(disk.bytes(at: layout.blob(root)))
            #expect(sample.holds(root, bytes: bytes), "a blob is wrong; \(comment)")
        }
        let store = try Store.open(directory: directory, fileSystem: disk)
        let holding = try store.holding(of: sample.info, layers: sample.layers)
        let verified = holding.verified
        for piece in sample.info.geometry.pieces where verified[piece] {
            let isRight = try holding.bytes(of: piece) == sample.bytes(of: piece)
            #expect(isRight, "\(piece) is wrong; \(comment)")
        }
        for piece in promises.verified {
            #expect(verified[piece], "\(piece) was promised; \(comment)")
        }
    }

    func checkView(_ disk: MemoryDisk, _ comment: Comment) throws {
        let view = StoreLayout(root: directory).view(reference)
        for (entry, bytes) in zip(sample.info.files, sample.contents) {
            let isRight = disk.bytes(at: view.appending(entry.joinedPath)) == bytes
            #expect(isRight, "\(entry.joinedPath) is wrong; \(comment)")
        }
    }
}
