import NIOCore
import SwarmModel
import SwarmWire

/// Cuts a connection's bytes into frames: a four-byte length, an id, a payload (BEP 3). Control
/// frames are gathered in a small buffer and decoded; of a `piece` only the header is taken, its
/// payload is left to the caller.
///
/// ```
/// length ──▶ id ──▶ body ────────▶ length          a control message
///               └─▶ pieceHead ───▶ length          the caller takes the payload first
/// ```
///
/// Invariant: `gathered` holds at most `needed` bytes.
struct FrameReader {
    enum Step: Equatable {
        /// The buffer is used up.
        case needsMore
        case message(PeerMessage)
        /// The next `length` bytes are the payload of this block.
        case blockHeader(RawBlock)
    }

    private enum Stage {
        case length
        case id(frameLength: Int)
        case body
        case pieceHead(frameLength: Int)
    }

    private static let keptCapacityMax = 4096

    private let blockLengthMax: Int
    private var stage = Stage.length
    private var gathered: [UInt8] = []
    private var needed = 4

    init(blockLengthMax: Int) { self.blockLengthMax = blockLengthMax }

    /// Takes bytes from the front of the buffer until something is whole.
    mutating func next(from buffer: inout ByteBuffer) throws(CloseReason) -> Step {
        while gather(from: &buffer) {
            switch stage {
            case .length:
                let length = Int(number(at: 0))
                if length == 0 {
                    expect(.length, bytes: 4)
                    return .message(.keepAlive)
                }
                expect(.id(frameLength: length), bytes: 1)
            case .id(let length): try chooseBody(id: gathered[0], frameLength: length)
            case .body:
                let message = try decodeBody()
                expect(.length, bytes: 4)
                return .message(message)
            case .pieceHead(let length):
                let block = try pieceHead(frameLength: length)
                expect(.length, bytes: 4)
                return .blockHeader(block)
            }
        }
        return .needsMore
    }

    /// Lengths are checked before a byte of the payload is kept.
    private mutating func chooseBody(id: UInt8, frameLength: Int) throws(CloseReason) {
        do {
            try PeerFrameCodec.check(id: id, frameLength: frameLength)
        } catch {
            throw .protocolViolation("\(error)")
        }
        guard id == PeerMessageID.piece else {
            stage = .body
            needed = frameLength
            return
        }
        let blockLength = frameLength - PeerFrameCodec.pieceHeadLength
        guard blockLength > 0, blockLength <= blockLengthMax else {
            throw .protocolViolation(
                "piece message with a block of \(blockLength) bytes, not 1 to \(blockLengthMax)"
            )
        }
        stage = .pieceHead(frameLength: frameLength)
        needed = PeerFrameCodec.pieceHeadLength
    }

    private func decodeBody() throws(CloseReason) -> PeerMessage {
        do {
            return try PeerFrameCodec.decode(frame: gathered.span.bytes)
        } catch {
            throw .protocolViolation("\(error)")
        }
    }

    private func pieceHead(frameLength: Int) throws(CloseReason) -> RawBlock {
        do {
            return try PeerFrameCodec.pieceHead(gathered.span.bytes, frameLength: frameLength)
        } catch {
            throw .protocolViolation("\(error)")
        }
    }

    private mutating func expect(_ stage: Stage, bytes: Int) {
        self.stage = stage
        needed = bytes
        gathered.removeAll(keepingCapacity: gathered.capacity <= Self.keptCapacityMax)
    }

    /// True when everything needed is there.
    private mutating func gather(from buffer: inout ByteBuffer) -> Bool {
        let count = min(needed - gathered.count, buffer.readableBytes)
        if count > 0 {
            gathered.append(contentsOf: buffer.readableBytesView.prefix(count))
            buffer.moveReaderIndex(forwardBy: count)
        }
        return gathered.count == needed
    }

    private func number(at offset: Int) -> UInt32 {
        gathered[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }
}
