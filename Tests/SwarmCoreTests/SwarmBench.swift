import SwarmModel
import Testing

@testable import SwarmCore

/// One swarm machine, a clock, and short ways to tell it things. What it answers is compared whole.
struct SwarmBench {
    static let block = PieceGeometry.blockLength

    var swarm: Swarm
    var now = Instant.origin
    let geometry: PieceGeometry

    /// Pieces of `blocksPerPiece` blocks, files of whole pieces.
    init(
        filePieces: [Int] = [4],
        blocksPerPiece: Int = 2,
        me: UInt8 = 50,
        _ change: (inout SwarmSettings) -> Void = { _ in }
    ) throws {
        var settings = SwarmSettings()
        settings.requestLength = Self.block
        settings.longRequestLength = Self.block
        settings.outstandingBytesMin = 2 * Self.block
        settings.outstandingBytesMax = 2 * Self.block
        settings.scheduler.gossipDelay = .zero
        change(&settings)
        let pieceLength = blocksPerPiece * Self.block
        geometry = try PieceGeometry(
            pieceLength: pieceLength,
            fileLengths: filePieces.map { $0 * pieceLength }
        )
        swarm = Swarm(
            me: Self.peer(me),
            settings: settings,
            random: SeededRandom(seed: 1),
            at: now
        )
    }

    // MARK: Names

    static func peer(_ number: UInt8) -> PeerID {
        guard let peer = PeerID(Array(repeating: number, count: 20)) else {
            preconditionFailure("twenty bytes are a peer id")
        }
        return peer
    }
    static func endpoint(_ number: UInt8) -> Endpoint {
        Endpoint(address: .v4(UInt32(number)), port: 7000)
    }
    static func id(_ number: UInt64) -> ConnectionID { ConnectionID(number) }

    func piece(_ number: Int) throws -> PieceIndex { try #require(geometry.piece(number)) }
    func file(_ number: Int) throws -> FileIndex { try #require(geometry.file(number)) }
    func raw(_ piece: Int, _ block: Int = 0, length: Int = block) -> RawBlock {
        RawBlock(
            piece: UInt32(piece),
            begin: UInt32(block * Self.block),
            length: UInt32(length)
        )
    }

    func content(
        verified: [Int] = [],
        sealed: [Int] = [],
        duplicates: [DuplicateFile] = [],
        missingLayers: [MissingLayer] = [],
        metadataSize: Int? = 1000
    ) throws -> SwarmContent {
        var pieces = Bitfield(count: geometry.pieceCount)
        for number in verified { pieces.insert(bit: number) }
        return SwarmContent(
            geometry: geometry,
            verified: pieces,
            sealed: try sealed.map { try file($0) },
            duplicates: duplicates,
            missingLayers: missingLayers,
            roots: geometry.files.map { Digest(lanes: SIMD4(UInt64($0.number) + 1, 0, 0, 0)) },
            metadataSize: metadataSize
        )
    }

    // MARK: Events

    mutating func handle(_ event: SwarmEvent, after wait: Duration = .zero) -> [SwarmAction] {
        now = now + wait
        var actions: [SwarmAction] = []
        swarm.handle(event, at: now, into: &actions)
        return actions
    }

    mutating func receive(_ message: PeerMessage, from id: UInt64 = 1) -> [SwarmAction] {
        handle(.received(message, from: Self.id(id)))
    }

    /// The content becomes known; what follows is not looked at.
    mutating func begin(_ content: SwarmContent) { _ = handle(.contentKnown(content)) }

    mutating func open(
        _ id: UInt64 = 1,
        peer: UInt8? = nil,
        isIncoming: Bool = false,
        fast: Bool = true,
        extensions: Bool = false
    ) -> [SwarmAction] {
        let number = peer ?? UInt8(id)
        return handle(
            .connectionOpened(
                ConnectionFacts(
                    id: Self.id(id),
                    peer: Self.peer(number),
                    endpoint: Self.endpoint(number),
                    isIncoming: isIncoming,
                    supportsFast: fast,
                    supportsExtensions: extensions
                )
            )
        )
    }

    /// A peer that has everything and does not choke.
    @discardableResult
    mutating func join(_ id: UInt64 = 1, fast: Bool = true) -> [SwarmAction] {
        var actions = open(id, fast: fast)
        actions += receive(everything(fast: fast), from: id)
        actions += receive(.unchoke, from: id)
        return actions
    }

    /// A peer of ours says where it is.
    mutating func meet(_ id: UInt64, at place: String) throws {
        _ = open(id, extensions: true)
        let extended = ExtendedHandshake(
            intentID: 4,
            locality: try Locality(place),
            requestLengthMax: 1 << 20
        )
        _ = receive(.extendedHandshake(extended), from: id)
    }

    func everything(fast: Bool) -> PeerMessage {
        fast ? .haveAll : .bitfield(Bitfield(fullCount: geometry.pieceCount).wire)
    }

    mutating func arrive(
        _ raw: RawBlock,
        from id: UInt64 = 1,
        _ result: BlockResult = .stored
    ) -> [SwarmAction] {
        handle(.blockArrived(raw, from: Self.id(id), result))
    }

    // MARK: Answers

    static func requests(_ actions: [SwarmAction], to id: UInt64? = nil) -> [RawBlock] {
        actions.compactMap { action in
            guard case .send(.request(let raw), let receiver) = action,
                id == nil || receiver == ConnectionID(id ?? 0)
            else { return nil }
            return raw
        }
    }

    static func closes(_ actions: [SwarmAction]) -> [ConnectionID] {
        actions.compactMap { if case .closeConnection(let id, _) = $0 { id } else { nil } }
    }

    static func isViolation(_ actions: [SwarmAction], of id: UInt64 = 1) -> Bool {
        actions.contains { action in
            if case .closeConnection(ConnectionID(id), .violation) = action { true } else { false }
        }
    }
}
