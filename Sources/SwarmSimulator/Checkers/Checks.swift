import SwarmCore
package import SwarmModel

/// What did not hold, and where.
package struct Violation: Hashable, Sendable, CustomStringConvertible {
    package enum Kind: String, Hashable, Sendable {
        /// Something that must never be the case was.
        case safety
        /// Something that must come to pass did not.
        case stall
        /// A figure of the plan's `expect` was missed.
        case expectation
    }

    package var kind: Kind
    /// Name of the checker.
    package var invariant: String
    /// Index of the host it is about.
    package var host: Int?
    package var at: Instant
    package var what: String

    package var description: String {
        let place = host.map { "host \($0): " } ?? ""
        return "\(invariant) at \(at.nanoseconds / 1_000_000) ms: \(place)\(what)"
    }
}

/// What checkers have found, and what they saw.
protocol Findings {
    var violations: [Violation] { get set }
    var now: Instant { get }
    /// Counts what rare things happened, by name: a plan that meets none of them tests little.
    var sights: [(name: String, count: Int)] { get set }
}

extension Findings {
    /// A run is over when this many things are wrong.
    private static var violationsMax: Int { 5 }

    var hasFailed: Bool { !violations.isEmpty }

    mutating func fail(_ kind: Violation.Kind, _ invariant: String, _ host: Int?, _ what: String) {
        guard violations.count < Self.violationsMax else { return }
        violations.append(
            Violation(kind: kind, invariant: invariant, host: host, at: now, what: what)
        )
    }

    mutating func see(_ name: String) {
        if let index = sights.firstIndex(where: { $0.name == name }) {
            sights[index].count += 1
        } else {
            sights.append((name, 1))
        }
    }
}

/// The state of all checkers. Each has a file of its own with its rules, as an extension of the
/// simulation, since it looks at everything.
struct Checks: Findings {
    var violations: [Violation] = []
    var now = Instant.origin
    var blame = BlameState()
    var conversation: ConversationState
    var roster = RosterState()
    var leases = LeaseState()
    /// Whether a host's disk has changed bytes by itself, so that it may be blamed for them.
    var hasRotted: [Bool]
    var sights: [(name: String, count: Int)] = []

    init(_ scenario: Scenario, _ options: Simulation.Options) {
        conversation = ConversationState(hostCount: scenario.hosts.count)
        hasRotted = Array(repeating: false, count: scenario.hosts.count)
    }

    mutating func rotted(_ piece: PieceIndex, _ host: Int) {
        hasRotted[host] = true
        see("bit rot")
    }

    mutating func forgive(_ piece: PieceIndex, _ host: Int) { see("lost pieces") }

    mutating func crashed(_ host: Int, _ disk: Disk) {
        see("crash")
        conversation.forget(host)
        roster.died(at: now)
    }
}

extension Simulation {
    /// After each event of a run that is accurate to the block: what the machine did, and at times
    /// what it has become.
    mutating func checkStep(_ event: SwarmEvent, _ node: Int) {
        checks.now = now
        checkConversation(event, node)
        checkBlame(event, node)
        checkFetching(node)
        // The whole state is looked at now and then: at every event it would be most of the run.
        if eventCount % 16 == 0 || eventCount < 500 {
            checkBounds(node)
            checkHaves(node)
        }
    }

    /// At the end of a run in which nothing was wrong so far.
    mutating func checkEnd() {
        checks.now = now
        for node in nodes.indices where nodes[node].isAlive {
            checkHaves(node)
            if nodes[node].isPublished { checkPublished(node) }
        }
        checkExpectations()
    }
}
