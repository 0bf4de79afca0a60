package import NIOCore

/// Where the next read of one connection goes: into the buffer that its loop's connections share,
/// or straight behind what a long block has already, which saves copying the block (an eighth of
/// what receiving costs).
///
/// ```
/// idle ──offer──▶ offered ──a read begins──▶ lent ──its bytes arrive──▶ idle
///                                              └──another read begins──▶ lost
/// ```
///
/// A read that brings nothing does not give back what it was lent. At the end of a connection that
/// is nothing to care for; otherwise (a wake-up for nothing, which TCP does not know) the stream
/// has a hole, and the connection must be closed.
///
/// Touched on the connection's loop only.
package final class DirectReceive {
    private enum State {
        case idle
        case offered(ByteBuffer)
        case lent
        case lost
    }

    private var state = State.idle
    /// Whether the next read is to find the header of a long block, most likely. It had better be
    /// short then: what it brings of the block must be copied.
    package internal(set) var isBeforeLongBlock = false

    package init() {}

    /// What a read that brought bytes was given.
    enum Target {
        /// The shared buffer.
        case shared
        /// The buffer that was offered.
        case direct
        /// The shared buffer although another was offered, which is here again.
        case refused(ByteBuffer)
        case lost
    }

    /// The buffer must have no other reference, or the read copies it.
    func offer(_ buffer: ByteBuffer) { state = .offered(buffer) }

    /// A read begins.
    package func take() -> ByteBuffer? {
        switch state {
        case .idle, .lost: return nil
        case .lent:
            state = .lost
            return nil
        case .offered(let buffer):
            state = .lent
            return buffer
        }
    }

    /// A read brought bytes.
    func arrived() -> Target {
        defer { state = .idle }
        return switch state {
        case .idle: .shared
        case .offered(let buffer): .refused(buffer)
        case .lent: .direct
        case .lost: .lost
        }
    }
}
