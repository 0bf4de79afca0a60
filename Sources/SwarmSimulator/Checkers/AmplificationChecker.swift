import SwarmCore
import SwarmModel

/// Amplification (reliability S12): one copy into each domain that began without the model, and on
/// top of it what the faults of the run may cost. A crash costs what the host had not committed, a
/// partition what both sides import, a lie what has to be fetched again.
extension Simulation {
    mutating func checkAmplification(_ report: ScenarioReport) {
        guard let calm = scenario.plan.expect.copies else { return }
        let limit = calm + scenario.plan.expect.copiesForEachFault * Double(flawCount)
        for domain in emptyDomains(report) where domain.amplification > limit {
            checks.fail(
                .expectation,
                "amplification",
                nil,
                "\(domain.domain): \(Self.rounded(domain.amplification)) copies, more than "
                    + "\(Self.rounded(limit)) with \(flawCount) faults"
            )
        }
    }

    /// Faults of the run, and hosts that are not as they should be.
    var flawCount: Int {
        let hosts = scenario.hosts.count {
            !$0.isHonest || $0.isSlow || $0.hasBadDisk || $0.hasStaleRoster
        }
        return scenario.faults.count - options.faultsLeftOut.count + hosts
    }
}
