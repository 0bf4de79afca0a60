import ArgumentParser
import Foundation
import SwarmModel
import SwarmSimulator

/// `shoal simulate`: the machines of a whole fleet in virtual time.
struct Simulate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Runs a whole fleet in virtual time, with faults, and checks what must hold.",
        discussion: """
            The peers and the tracker are the real machines; the network, the disks and the clock \
            are modelled. A plan names topology, model, faults and targets; a seed draws what the \
            plan leaves open, so that one seed is one run, everywhere and always.

              shoal simulate small                       a ready-made plan
              shoal simulate ./my.json --seed 7 --plot run.svg
              shoal simulate mixed --seeds 2000          many seeds, on every core
              shoal simulate small --compare-policies    ours, and what BitTorrent does
              shoal simulate --list                      the ready-made plans

            Exit status beyond those of every command: 10 an invariant was violated, 11 a host did \
            not complete in time, 12 a target of the plan was missed, 13 the program crashed. \
            Docs/Simulation.md says how to read plans, reports and failures.
            """
    )

    @Argument(help: ArgumentHelp("A ready-made plan, or a file.", valueName: "plan"))
    var plan: String?

    @Option(help: ArgumentHelp("The seed, or the first of several.", valueName: "n"))
    var seed: UInt64 = 1

    @Option(help: ArgumentHelp("How many seeds to run, one after another.", valueName: "n"))
    var seeds: Int = 1

    @Option(
        help: ArgumentHelp(
            "Runs at once; all cores when left out. A single run of a plan whose pieces flow "
                + "takes two cores, with the same events; 1 keeps it to one.",
            valueName: "n"
        )
    )
    var jobs: Int?

    @Option(
        help: ArgumentHelp("Draw the run (the last one) into this file.", valueName: "file.svg")
    )
    var plot: String?

    @Option(
        help: ArgumentHelp(
            "Plant a bug, to see that it is found: \(Self.mutationNames).",
            valueName: "name"
        )
    )
    var mutation: String?

    @Option(
        help: ArgumentHelp(
            "How peers choose among those that have a piece, in place of the plan's: "
                + "\(Self.policyNames). What the plan expects holds for its own only.",
            valueName: "name"
        )
    )
    var policy: Plan.Settings.Policy?

    @Flag(help: "Run the seed under each policy, one beside the other.")
    var comparePolicies = false

    @Flag(help: "Show the ready-made plans and end.")
    var list = false

    @OptionGroup var output: OutputOptions

    private static var mutationNames: String {
        Mutation.allCases.map(\.rawValue).joined(separator: ", ")
    }

    private static var policyNames: String {
        Plan.Settings.Policy.allCases.map(\.rawValue).joined(separator: ", ")
    }

    func validate() throws {
        guard list || plan != nil else { throw ValidationError("Name a plan, or say --list.") }
        guard seeds > 0, seeds <= 10_000_000 else {
            throw ValidationError("--seeds must be between 1 and 10000000.")
        }
        if comparePolicies {
            guard seeds == 1 else { throw ValidationError("--compare-policies takes one seed.") }
            guard policy == nil, plot == nil else {
                throw ValidationError("--compare-policies goes with neither --policy nor --plot.")
            }
        }
        guard jobs ?? 1 > 0 else { throw ValidationError("--jobs must be at least 1.") }
        if let mutation, Mutation(rawValue: mutation) == nil {
            throw ValidationError(
                "No bug is called '\(mutation)'; there are: \(Self.mutationNames)."
            )
        }
    }

    func run() async throws {
        if list {
            try output.finish(ReadyMadePlans.names) { PlanFile.table }
            return
        }
        let plan = try PlanFile.read(self.plan ?? "")
        if plan.fidelity == .flow { HugePages.startWith() }
        let mutation = mutation.flatMap { Mutation(rawValue: $0) }
        var runner = SeedRunner(
            plan: plan,
            planName: self.plan ?? "",
            mutation: mutation,
            jobs: jobs ?? ProcessInfo.processInfo.activeProcessorCount,
            isQuiet: output.quiet
        )
        try check(mutation, plan)
        CrashNotice.install()
        if comparePolicies {
            let comparison = try await PolicyComparison.run(runner, seed: seed)
            try output.finish(comparison) { comparison.text }
            if let failure = comparison.failures.first { throw failure.commandFailure }
            return
        }
        if let policy { runner = runner.under(policy) }
        let result = try await runner.run(first: seed, count: seeds)
        if let plot {
            let drawing = TimelinePlot(result.shown.report, result.shown.details).svg
            try FileContent.write(Array(drawing.utf8), to: plot)
        }
        try output.finish(SimulationReport(result)) { SimulationReport(result).text }
        if let failure = result.failures.first { throw failure.commandFailure }
    }
}

extension Simulate {
    /// Rollouts have bugs of their own, and no pieces.
    private func check(_ mutation: Mutation?, _ plan: Plan) throws(CommandFailure) {
        if let mutation, mutation.isOfRollouts != (plan.rollout != nil) {
            throw CommandFailure(
                .usage,
                "the bug '\(mutation.rawValue)' is not one of such plans",
                remedy: mutation.isOfRollouts ? "use rollout-4000" : "use mixed, or calm"
            )
        }
        guard plan.rollout == nil || (policy == nil && !comparePolicies) else {
            throw CommandFailure(
                .usage,
                "the plan '\(plan.name)' moves no pieces, and has no policy",
                remedy: "leave out --policy and --compare-policies"
            )
        }
    }
}

extension Plan.Settings.Policy: ExpressibleByArgument {}

/// Plans on disk and ready-made ones.
enum PlanFile {
    static func read(_ name: String) throws(CommandFailure) -> Plan {
        if let bytes = ReadyMadePlans.bytes(of: name) { return try parse(name, bytes) }
        guard name.hasSuffix(".json") || name.contains("/") else {
            throw CommandFailure(
                .notFound,
                "no plan is called '\(name)'",
                remedy: "name a file, or one of: \(ReadyMadePlans.names.joined(separator: ", "))"
            )
        }
        let data = try FileContent.read(name, byteCountMax: JSONText.byteCountMax)
        return try parse(name, Array(data))
    }

    private static func parse(_ path: String, _ bytes: [UInt8]) throws(CommandFailure) -> Plan {
        let file = path.split(separator: "/").last.map { String($0) } ?? path
        let name = file.hasSuffix(".json") ? String(file.dropLast(5)) : file
        do {
            return try Plan(name: name, bytes)
        } catch {
            throw CommandFailure(
                .failure,
                "'\(path)' is not a plan: \(error)",
                remedy: "correct it; Docs/Simulation.md lists every key"
            )
        }
    }

    static var table: String {
        TextTable(
            rows: ReadyMadePlans.names.map { name in
                let about = ReadyMadePlans.bytes(of: name)
                    .flatMap { try? Plan(name: name, $0) }?.about
                return [name, about ?? ""]
            }
        ).text
    }
}
