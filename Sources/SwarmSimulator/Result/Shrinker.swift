/// Makes a failing run shorter: leaves out faults that it does not need to fail in the same way,
/// halves first, then one by one (after Zeller and Hildebrandt, Delta Debugging, 2002).
package enum Shrinker {
    /// Runs tried; each takes as long as the failing one.
    package static let runsMax = 60

    /// Indices of faults that can be left out, and the failing run without them, recorded.
    package static func shortest(
        _ scenario: Scenario,
        mutation: Mutation?,
        failing invariant: String
    ) -> (leftOut: [Int], outcome: Outcome) {
        var leftOut: [Int] = []
        var runs = 0
        func fails(without faults: [Int]) -> Bool {
            runs += 1
            var options = Simulation.Options(mutation: mutation)
            options.faultsLeftOut = faults
            var simulation = Simulation(scenario, options: options)
            return simulation.run().violations.first?.invariant == invariant
        }
        var size = max(1, scenario.faults.count / 2)
        while size >= 1, runs < runsMax {
            let rest = scenario.faults.indices.filter { !leftOut.contains($0) }
            var start = 0
            while start < rest.count, runs < runsMax {
                let part = Array(rest[start..<min(start + size, rest.count)])
                if fails(without: leftOut + part) { leftOut += part }
                start += size
            }
            size /= 2
        }
        var options = Simulation.Options(mutation: mutation)
        options.faultsLeftOut = leftOut.sorted()
        options.isRecording = true
        var simulation = Simulation(scenario, options: options)
        return (leftOut.sorted(), simulation.run())
    }
}
