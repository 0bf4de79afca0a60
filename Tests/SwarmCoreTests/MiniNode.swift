import SwarmModel

@testable import SwarmCore

/// One peer of the mini swarm: its machine, and what its driver and disk would hold.
final class MiniNode {
    /// What waits in the driver's queue.
    enum Mail {
        case event(SwarmEvent)
        case blockStored(RawBlock, BlockRange, ConnectionID, MiniBoard.Stored)
        case leavesChecked(HashRange, ConnectionID, attempt: Int?)
        case layerChecked(HashRange, ConnectionID, wrong: Bool)
        case metadataArrived(piece: UInt32, totalSize: UInt32, ConnectionID, wrong: Bool)
        case hashesArrived(HashRange, ConnectionID, wrong: Bool)
        case metadataChecked
        case committed([PieceIndex])
        case sealed(FileIndex)
        case published
        case layerRequestAnswered(HashRange, ConnectionID)
    }

    let index: Int
    var role: MiniPlan.Role
    let plan: MiniPlan
    var swarm: Swarm
    var peerID: PeerID
    var life = 0
    var isAlive = false
    var tickAt: Instant?
    var lastMailAt = Instant.origin
    /// The disk does one thing after another.
    var diskFreeAt = Instant.origin
    var uplinkFreeAt = Instant.origin

    // The driver
    var board = MiniBoard()
    var links: [ConnectionID: (MiniSwarm.Link, Int)] = [:]
    var metadataParts: [Bool?] = []
    var metadataPartAtHand: Bool?
    var areHashesAtHandWrong = false
    var knowsContent = false
    var knownLayers: [Bool]
    var provenRequests: [HashRange] = []
    /// Reads from origins that are under way.
    var reads: [ConnectionID] = []

    // The disk
    var committed: Bitfield
    var verified: Bitfield
    var isSealed: [Bool]
    var isPublished = false

    init(_ index: Int, _ role: MiniPlan.Role, _ plan: MiniPlan, _ random: inout SeededRandom) {
        self.index = index
        self.role = role
        self.plan = plan
        let geometry = plan.geometry
        peerID = PeerID(random: &random)
        swarm = Swarm(me: peerID, settings: role.settings, random: random.fork(), at: .origin)
        committed = Bitfield(count: geometry.pieceCount)
        isSealed = geometry.fileLengths.map { $0 == 0 }
        knowsContent = role.start != .magnet
        knownLayers = Array(
            repeating: role.start != .magnet && role.start != .layerless,
            count: geometry.fileLengths.count
        )
        switch role.start {
        case .seed:
            committed = Bitfield(fullCount: geometry.pieceCount)
            isSealed = Array(repeating: true, count: geometry.fileLengths.count)
        case .partial:
            for piece in 0..<geometry.pieceCount
            where Int.random(in: 0..<3, using: &random) == 0 || role.holds.contains(piece) {
                committed.insert(bit: piece)
            }
        default: break
        }
        verified = committed
        mirrorDuplicates()
        verified = committed
    }

    /// One file of content has one place on disk: its copies have the same pieces.
    private func mirrorDuplicates() {
        for duplicate in plan.duplicates {
            let originals = plan.geometry.pieceNumbers(of: duplicate.original)
            for (a, b) in zip(originals, plan.geometry.pieceNumbers(of: duplicate.file)) {
                if committed[bit: b] { committed.insert(bit: a) }
                if committed[bit: a] { committed.insert(bit: b) }
            }
        }
    }

    var geometry: PieceGeometry { plan.geometry }
    var files: [FileIndex] { Array(plan.geometry.files) }

    var isFinished: Bool { isAlive && swarm.isComplete && swarm.isSealed && isPublished }

    /// What a failure shows of the node.
    var condition: String {
        let pieces = swarm.picker?.verified.population ?? 0
        let active = swarm.picker?.activePieces.map(\.number) ?? []
        return "life \(life), \(pieces) of \(geometry.pieceCount) pieces, active \(active), "
            + "\(swarm.connections.count) connections, audits \(swarm.audits.map(\.piece.number)), "
            + "sealed \(isSealed), published \(isPublished), paused \(swarm.pausedUntil != nil), "
            + "layers \(knownLayers), \(role.start) \(role.vice)"
    }

    // MARK: Life

    /// A new process with what the disk holds; the content when it is known.
    func begin(at now: Instant, random: inout SeededRandom) -> SwarmContent? {
        isAlive = true
        life += 1
        peerID = PeerID(random: &random)
        swarm = Swarm(me: peerID, settings: role.settings, random: random.fork(), at: now)
        board = MiniBoard()
        links = [:]
        reads = []
        metadataParts = []
        tickAt = nil
        isPublished = false
        lastMailAt = now
        diskFreeAt = now
        uplinkFreeAt = now
        verified = committed
        return knowsContent ? content : nil
    }

    func crash(_ random: inout SeededRandom) {
        isAlive = false
        // Layers are kept only once a file is whole or by luck.
        let keepsLayers = Bool.random(using: &random)
        if !keepsLayers, role.start == .layerless || role.start == .magnet {
            for file in files where !isSealed[file.number] { knownLayers[file.number] = false }
            provenRequests = []
        }
    }

    var content: SwarmContent {
        let missing = files.filter { needsLayer($0) && !knownLayers[$0.number] }
            .filter { file in !plan.duplicates.contains { $0.file == file } }
        return SwarmContent(
            geometry: geometry,
            verified: committed,
            sealed: files.filter { isSealed[$0.number] },
            duplicates: plan.duplicates,
            missingLayers: missing.map { MissingLayer(file: $0, requests: layerRequests($0)) },
            urgent: geometry.pieceCount > 3 ? [geometry.piece(2)!] : [],
            roots: plan.roots,
            metadataSize: plan.metadataSize
        )
    }

    func needsLayer(_ file: FileIndex) -> Bool {
        geometry.length(of: file) > geometry.pieceLength
    }

    /// The requests that fetch a file's piece layer: four hashes each.
    func layerRequests(_ file: FileIndex) -> [HashRange] {
        let pieces = geometry.pieceNumbers(of: file).count
        let base = geometry.blocksPerPiece.trailingZeroBitCount
        return stride(from: 0, to: pieces, by: 4).map { first in
            HashRange(
                root: plan.roots[file.number] ?? .zero,
                baseLayer: UInt32(base),
                index: UInt32(first),
                length: 4,
                proofLayers: 1
            )
        }
    }

    /// The first file with this root: copies share its layer.
    func file(_ range: HashRange) -> FileIndex? {
        plan.roots.firstIndex(of: range.root).flatMap { geometry.file($0) }
    }

    /// Base layer 0 is the leaves, unless pieces are single blocks: then it is the piece layer.
    func isLeafRequest(_ range: HashRange) -> Bool {
        range.baseLayer == 0 && geometry.blocksPerPiece > 1
    }

    /// The piece whose leaves a range asks for.
    func piece(ofLeaves range: HashRange) -> PieceIndex? {
        guard let file = file(range) else { return nil }
        let first = geometry.pieceNumbers(of: file).lowerBound
        return geometry.piece(first + Int(range.index) / geometry.blocksPerPiece)
    }

    // MARK: Disk

    func isReadable(_ piece: PieceIndex) -> Bool { verified[piece] }

    /// Pieces of a file turn out to be damaged.
    func lose(_ file: FileIndex, in world: MiniSwarm) {
        let original = plan.duplicates.first { $0.file == file }?.original ?? file
        let pieces = Array(geometry.pieces(of: original)).filter { _ in world.chance(3) }
        drop(pieces)
        isSealed[original.number] = false
        for duplicate in plan.duplicates where duplicate.original == original {
            isSealed[duplicate.file.number] = false
        }
        world.handle(.damaged(original, pieces), self)
    }

    /// What a failed sync of these pieces loses: all that is written to their files and not
    /// committed.
    func unsynced(with pieces: [PieceIndex]) -> [PieceIndex] {
        let touched = pieces.map { geometry.file(of: $0) }
        return geometry.pieces.filter { piece in
            touched.contains(geometry.file(of: piece)) && !committed[piece]
                && (verified[piece] || board.assemblies[piece] != nil)
        }
    }

    /// Takes pieces, and those that share their bytes, off the medium.
    func drop(_ pieces: some Sequence<PieceIndex>) {
        for piece in pieces {
            let file = geometry.file(of: piece)
            let offset = piece.number - geometry.pieceNumbers(of: file).lowerBound
            committed.remove(piece)
            verified.remove(piece)
            for duplicate in plan.duplicates where duplicate.original == file {
                let twin = geometry.pieceNumbers(of: duplicate.file).lowerBound + offset
                committed.remove(bit: twin)
                verified.remove(bit: twin)
            }
        }
    }

    /// Puts pieces, and those that share their bytes, into a set.
    func gain(
        _ pieces: some Sequence<PieceIndex>,
        _ set: ReferenceWritableKeyPath<MiniNode, Bitfield>
    ) {
        for piece in pieces {
            let file = geometry.file(of: piece)
            let offset = piece.number - geometry.pieceNumbers(of: file).lowerBound
            self[keyPath: set].insert(piece)
            for duplicate in plan.duplicates where duplicate.original == file {
                let twin = geometry.pieceNumbers(of: duplicate.file).lowerBound + offset
                self[keyPath: set].insert(bit: twin)
            }
        }
    }
}
