import Dispatch
import SwarmSimulator
import Synchronization

/// Works on both halves of a fleet at once.
struct TwoCores: Cores {
    /// Where a half lies while it is worked on; nobody waits for it.
    private final class Desk: Sendable {
        let half: Mutex<FleetHalf>
        init(_ half: FleetHalf) { self.half = Mutex(half) }
    }

    func run(_ halves: inout [FleetHalf], _ work: @Sendable (inout FleetHalf) -> Void) {
        let desks = halves.indices.map { Desk(FleetHalf(parity: $0)) }
        for index in halves.indices { desks[index].half.withLock { swap(&$0, &halves[index]) } }
        DispatchQueue.concurrentPerform(iterations: halves.count) { index in
            desks[index].half.withLock { work(&$0) }
        }
        for index in halves.indices { desks[index].half.withLock { swap(&$0, &halves[index]) } }
    }
}
