import ArgumentParser
import SwarmModel

/// Publishing from several build nodes.
struct PartOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "This is part K of N: the directory has some of the version's files.",
            discussion: """
                Each build node publishes the files that it holds, in any order. When all N parts \
                are in, the tracker puts them together; what is missing is named until then. With \
                --seed each node waits for the others, and then serves its files. Files that a \
                *.index.json names must be in some part.
                """,
            valueName: "k/n"
        ),
        transform: { text in
            guard let part = PartNumber(text) else {
                throw ValidationError(
                    "write K/N, such as 1/4, with at most \(PartNumber.countMax) parts"
                )
            }
            return part
        }
    )
    var part: PartNumber?

    @Flag(
        help: ArgumentHelp(
            "Put this part in the place of one that was published with other files.",
            discussion: "Only as long as parts are missing: a whole version never changes."
        )
    )
    var replacePart = false

    func validate() throws {
        if replacePart, part == nil { throw ValidationError("--replace-part goes with --part") }
    }
}

/// Publishing by a process that does not stay.
struct CopiesOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Serve the version until N verified copies of every piece are elsewhere, then end.",
            discussion: """
                For builds that leave no daemon behind. Copies are those of hosts that fetch; \
                whoever publishes, here or elsewhere, does not count.
                """,
            valueName: "n"
        )
    )
    var untilCopies: Int?

    @Option(
        help: ArgumentHelp(
            "Seconds that other parts and copies may take to come; then it fails (status 8).",
            discussion: "Without it there is no limit.",
            valueName: "seconds"
        )
    )
    var deadline: Double?

    @Option(
        help: ArgumentHelp(
            "A host that shall hold the version; repeat it for more. With --until-copies.",
            discussion: """
                The tracker tells it to: it fetches, verifies and seals the version without \
                serving it to a model server, and keeps it until `shoal host release`. Of \
                several trackers the first is told.
                """,
            valueName: "host"
        ),
        transform: HostCommands.name
    )
    var seedHost: [HostName] = []

    /// More hosts than a fleet has.
    private static let copiesMax = 65_536

    func validate() throws {
        if let untilCopies, !(1...Self.copiesMax).contains(untilCopies) {
            throw ValidationError("--until-copies must be from 1 to \(Self.copiesMax)")
        }
        if untilCopies == nil, !seedHost.isEmpty {
            throw ValidationError("--seed-host goes with --until-copies")
        }
        if let deadline, !(deadline >= 0 && deadline <= 1e9) {
            throw ValidationError("--deadline must be seconds, from 0")
        }
    }
}
