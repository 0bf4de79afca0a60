import NIOCore
import SwarmModel

/// What a TLS connection has yet to send, in order: a stream of bytes that is read, encrypted and
/// written a buffer at a time, the next one when the kernel has taken the last. So a slow reader
/// costs one buffer, and encrypted bytes never pile up.
struct SealingQueue {
    enum Item {
        case message(PeerMessage)
        /// Messages before it are with the kernel when it is reached.
        case cost(Int)
        case extensions(ExtendedHandshake)
        /// A `piece` message of which `sent` bytes of payload are encrypted; nil before its header.
        case block(ServedRange, sent: Int?, cost: Int)
    }

    private var items: CircularBuffer<Item> = []
    /// A buffer is on its way to the kernel.
    var isBusy = false

    var isEmpty: Bool { items.isEmpty }
    var first: Item? { items.first }

    mutating func append(_ item: Item) { items.append(item) }
    mutating func removeFirst() { items.removeFirst() }
    mutating func replaceFirst(by item: Item) { items[items.startIndex] = item }
    mutating func drop() { items.removeAll() }
}
