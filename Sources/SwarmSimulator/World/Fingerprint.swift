import SwarmCore
import SwarmModel

/// A hash over everything that happened, in order (FNV-1a): the same for the same plan and seed, in
/// any process, debug or release.
package struct Fingerprint: Hashable, Sendable {
    package private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    /// Sixteen hexadecimal digits.
    var text: String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    mutating func fold(_ number: UInt64) {
        value = (value ^ number) &* 0x0000_0100_0000_01B3
    }

    /// An event by its ``code(_:)``, and what came of it.
    mutating func fold(
        _ now: Instant,
        _ node: Int,
        _ event: UInt64,
        _ list: ArraySlice<SwarmAction>
    ) {
        fold(UInt64(bitPattern: now.nanoseconds))
        fold(UInt64(node) << 32 | UInt64(list.count))
        fold(event)
        for action in list { fold(Self.code(action)) }
    }

    static func code(_ event: SwarmEvent) -> UInt64 {
        switch event {
        case .tick: 1
        case .received(let message, let id): 2 | code(message) << 4 | id.number << 40
        case .havesReceived(let pieces, let id):
            9 | UInt64(pieces.count) << 8 | UInt64(pieces.first ?? 0) << 20 | id.number << 40
        case .blockArrived(let raw, let id, _): 3 | UInt64(raw.piece) << 8 | id.number << 40
        case .blockSent(let raw, let id): 4 | UInt64(raw.piece) << 8 | id.number << 40
        case .pieceVerified(let piece): 5 | UInt64(piece.number) << 8
        case .pieceFailed(let piece, _): 6 | UInt64(piece.number) << 8
        case .connectionOpened(let facts): 7 | facts.id.number << 8
        case .connectionClosed(let id, _): 8 | id.number << 8
        default: 15
        }
    }

    private static func code(_ action: SwarmAction) -> UInt64 {
        switch action {
        case .send(let message, let id): 1 | code(message) << 4 | id.number << 40
        case .sendHaves(let pieces, let id):
            7 | UInt64(pieces.count) << 8 | UInt64(pieces.first ?? 0) << 20 | id.number << 40
        case .sendBlock(let range, let id): 2 | UInt64(range.piece.number) << 8 | id.number << 40
        case .openPiece(let piece): 3 | UInt64(piece.number) << 8
        case .dial(let endpoint):
            4 | (endpoint.address == .v4(0) ? 0 : UInt64(endpoint.port)) << 8
        case .closeConnection(let id, _): 5 | id.number << 8
        case .commit(let pieces): 6 | UInt64(pieces.count) << 8
        default: 15
        }
    }

    private static func code(_ message: PeerMessage) -> UInt64 {
        switch message {
        case .have(let piece): 1 | UInt64(piece) << 4
        case .request(let raw): 2 | UInt64(raw.piece) << 4 | UInt64(raw.begin >> 14) << 24
        case .choke: 3
        case .unchoke: 4
        case .interested: 5
        case .notInterested: 6
        case .cancel(let raw): 7 | UInt64(raw.piece) << 4
        case .reject(let raw): 8 | UInt64(raw.piece) << 4
        default: 15
        }
    }
}
