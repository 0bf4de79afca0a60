import DequeModule
import SwarmCore
import SwarmModel

/// One TCP connection between two nodes. Each end has its own id, as each process numbers its own:
/// twice the index of the connection, plus the end; and that is where ``Simulation/ends`` has it.
struct Connection {
    struct End {
        let node: Int32
        /// Of the node's process.
        let life: Int32
        var isOpen = true
        /// Of the last packet toward this end: the order is kept.
        var lastArrival = Instant.origin
        /// Blocks that this end has given to the system and that have not left.
        var outgoing: Deque<Outgoing> = []
        /// Of the network; -1 while nothing is being sent.
        var flow: Int32 = -1
    }

    /// A block on its way out.
    struct Outgoing {
        var block: RawBlock
        var isWrong: Bool
        var bytes: Double { Double(block.length) }
    }

    let latency: Duration
    /// Share of packets that must be sent again.
    let loss: Double
    /// The network lost the connection and tells nobody.
    var isSilent = false
    /// Of a store, at end 0, what is read over it; nil between peers.
    var read: ConnectionID?

    static func id(_ connection: Int, _ end: Int) -> ConnectionID {
        ConnectionID(UInt64(connection * 2 + end))
    }
}

extension ConnectionID {
    /// Where the simulator keeps it.
    var place: (connection: Int, end: Int) { (Int(number / 2), Int(number % 2)) }
}

/// What travels over a connection; and what a node's own driver says to its machine, which may take
/// its place among packets.
enum Packet {
    // Those that come by the million are apart from the rest, so that most packets are small.
    case have(UInt32)
    case haves([UInt32])
    case request(RawBlock)
    case block(RawBlock, isWrong: Bool)
    indirect case message(PeerMessage)
    /// `isWrong` when they do not prove.
    indirect case hashes(HashRange, isWrong: Bool)
    /// The other end has closed, or has reset what came.
    case end
    /// `life` is of the process that it is for.
    indirect case mail(Mail, life: Int32)
    case tick(life: Int32)

    init(_ message: PeerMessage) {
        switch message {
        case .have(let piece): self = .have(piece)
        case .request(let block): self = .request(block)
        default: self = .message(message)
        }
    }

    var message: PeerMessage? {
        switch self {
        case .have(let piece): .have(piece)
        case .request(let block): .request(block)
        case .message(let message): message
        case .hashes(let range, _): .hashes(range, [])
        case .block, .end, .haves, .mail, .tick: nil
        }
    }
}

/// A packet and the end it is for.
struct Delivery {
    // In the order in which it is smallest.
    let packet: Packet
    let end: UInt8
    let connection: Int32
    /// At that end.
    let node: Int32

    init(_ packet: Packet, connection: Int32, end: UInt8, node: Int32) {
        self.packet = packet
        self.end = end
        self.connection = connection
        self.node = node
    }

    /// Of the node itself, over no connection.
    init(_ packet: Packet, within node: Int) {
        self.init(packet, connection: -1, end: 0, node: Int32(node))
    }
}
