import SwarmCore
import SwarmModel

/// The nodes of a run by their numbers. They are kept in two halves, the even and the odd, so that
/// two cores can work on them at once without sharing anything.
struct NodeTable: RandomAccessCollection, MutableCollection {
    private(set) var halves = [FleetHalf(parity: 0), FleetHalf(parity: 1)]

    var startIndex: Int { 0 }
    var endIndex: Int { halves[0].nodes.count + halves[1].nodes.count }

    // A node is large: inlined, a read looks only at what is read of it.
    subscript(node: Int) -> Node {
        @inline(__always) get { halves[node & 1].nodes[node >> 1] }
        @inline(__always) _modify { yield &halves[node & 1].nodes[node >> 1] }
    }

    mutating func append(_ node: Node) { halves[count & 1].append(node) }

    /// What each half makes of a step; see ``takeTurns()``.
    mutating func work(_ step: Step, on cores: any Cores) {
        cores.run(&halves) { half in half.work(step) }
    }

    /// Gives the turns of the last step away, to be looked at while nodes change.
    mutating func takeTurns() -> [FleetHalf.Turns] {
        halves.indices.map { halves[$0].takeTurns() }
    }

    /// Takes them back: their space is used again.
    mutating func recycle(_ turns: consuming [FleetHalf.Turns]) {
        for index in halves.indices.reversed() {
            if let last = turns.popLast() { halves[index].recycle(last) }
        }
    }
}

/// Where the two halves of a fleet are worked on.
package protocol Cores: Sendable {
    /// Does the work with each, and returns when it is done. No half sees the other.
    func run(_ halves: inout [FleetHalf], _ work: @Sendable (inout FleetHalf) -> Void)
}

/// One half after the other.
package struct OneCore: Cores {
    package init() {}

    package func run(_ halves: inout [FleetHalf], _ work: @Sendable (inout FleetHalf) -> Void) {
        for index in halves.indices { work(&halves[index]) }
    }
}
