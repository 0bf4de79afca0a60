import NIOCore
import Synchronization
package import SwarmModel

/// The handle that a driver has on an open connection: a door to its ``PeerConnectionHandler``,
/// through which calls of any thread pass in order.
package final class PeerConnection: PieceTransport {
    package let id: ConnectionID
    package let isEncrypted: Bool
    private let gauges: TransportGauges
    private let outbox: Locked<Outbox>
    let handler: NIOLoopBound<PeerConnectionHandler>

    init(
        id: ConnectionID,
        isEncrypted: Bool,
        handler: NIOLoopBound<PeerConnectionHandler>,
        resources: TransportResources
    ) {
        self.id = id
        self.isEncrypted = isEncrypted
        self.handler = handler
        gauges = resources.gauges
        outbox = Locked(Outbox(unsentBytesMax: resources.limits.unsentBytesMax))
    }

    package func send(_ messages: [PeerMessage]) {
        guard !messages.isEmpty else { return }
        let cost = messages.reduce(0) { $0 + $1.sendingCost }
        append(.messages(messages, cost: cost), cost: cost)
    }

    package func sendBlock(_ range: ServedRange) {
        append(.block(range, cost: range.sendingCost), cost: range.sendingCost)
    }

    package func setRemoteExtensions(_ ids: ExtendedHandshake) {
        append(.extensions(ids), cost: 0)
    }

    package func acknowledge(eventCount: Int) {
        precondition(eventCount >= 0, "\(eventCount) events acknowledged")
        wakeLoop(if: outbox.withLock { $0.acknowledge(eventCount) })
    }

    package func close(_ reason: CloseReason) {
        wakeLoop(if: outbox.withLock { $0.close(reason) })
    }

    // MARK: The handler's side

    func takeUpOutbox() -> Outbox.Batch { outbox.withLock { $0.takeUp() } }

    /// Those bytes are with the kernel, or will never be.
    func sent(cost: Int) {
        gauges.unsentBytes.subtract(outbox.withLock { $0.sent(cost) })
    }

    func finish() { gauges.unsentBytes.subtract(outbox.withLock { $0.finish() }) }

    private func append(_ item: Outbox.Item, cost: Int) {
        let (needsWake, added) = outbox.withLock { outbox in
            let before = outbox.unsentBytes
            let needsWake = outbox.append(item, cost: cost)
            return (needsWake, outbox.unsentBytes - before)
        }
        gauges.unsentBytes.add(added)
        wakeLoop(if: needsWake)
    }

    /// Always by way of the loop's queue, also on the loop: calls are gathered into one flush, and
    /// the handler is never entered from inside one of its own calls to the driver.
    private func wakeLoop(if needsWake: Bool) {
        guard needsWake else { return }
        handler.eventLoop.execute { self.handler.value.takeUpOutbox() }
    }
}
