import ArgumentParser
import Foundation
import SwarmModel
import SwarmRuntime
import SwarmStorage
import SwarmWire

/// `shoal publish`: hashes a directory into an immutable version and makes it known.
struct Publish: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "publish",
        abstract: "Hashes a directory into a version, and registers it with a tracker.",
        discussion: """
            The version's identity is a hash over the names and contents of the files, so the same \
            directory gives the same version anywhere, and publishing it twice changes nothing. \
            With a tracker the version becomes pullable by its name; without one, a .torrent file \
            is written.

              shoal publish ./weights --name acme/llama --version 1.0 \\
                    --tracker http://tracker:8080

            All regular files are published, hidden ones too. Links to files inside the directory \
            are followed; other links, special files, and names that some file systems cannot tell \
            apart are refused, all at once.

            Several build nodes that hold some shards each publish their own files as parts:

              shoal publish ./shards --name acme/llama --version 2.0 --part 1/2 --seed \
                    --tracker http://tracker:8080

            A build that leaves no daemon behind serves until the fleet has copies, here on two \
            hosts that it names:

              shoal publish ./weights --name acme/llama --version 2.0 --until-copies 2 \\
                    --seed-host seed-1 --seed-host seed-2 --deadline 3600 \\
                    --tracker http://tracker:8080
            """
    )

    @Argument(help: ArgumentHelp("The directory that holds the model's files.", valueName: "dir"))
    var directory: String

    @Option(
        help: ArgumentHelp("The model's name.", valueName: "org/model"),
        transform: { text in
            do {
                return try ModelName(text)
            } catch {
                throw ValidationError("\(error)")
            }
        }
    )
    var name: ModelName

    @Option(help: ArgumentHelp("The version's name, such as 1.0 or 2024-06-01.", valueName: "v"))
    var version: String

    @OptionGroup var peer: PeerOptions
    @OptionGroup var token: TokenOptions

    @Option(
        help: ArgumentHelp(
            "Bytes of a piece: a power of two from 16KiB to 256MiB, such as 1MiB or 65536.",
            discussion: """
                By default about a two-thousandth of the files, from 1 to 16 MiB. Smaller pieces \
                spread to more hosts sooner and cost more messages.
                """,
            valueName: "n"
        )
    )
    var pieceLength: ByteCount?

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "Where to write the .torrent file.",
            discussion: "By default MODEL-V.torrent here, and only when no tracker is given.",
            valueName: "file.torrent"
        )
    )
    var output: String?

    @OptionGroup var origins: OriginOptions

    @Option(
        help: ArgumentHelp("Threads that hash; by default one for each processor.", valueName: "n")
    )
    var threads: Int?

    @Flag(help: "Peers come only from the tracker, and the description from it alone (BEP 27).")
    var `private` = false

    @Flag(help: "Serve the version from the directory until interrupted.")
    var seed = false

    @OptionGroup var parts: PartOptions
    @OptionGroup var copies: CopiesOptions

    @OptionGroup var show: OutputOptions

    func validate() throws {
        do {
            _ = try ModelReference(name: name, version: version)
        } catch {
            throw ValidationError("--version: \(error)")
        }
        if let pieceLength, !PieceLengthPolicy.isAllowed(pieceLength.bytes) {
            throw ValidationError("\(PieceLengthPolicy.Flaw.notAllowed(pieceLength.bytes))")
        }
        if let threads, !(1...1024).contains(threads) {
            throw ValidationError("--threads must be from 1 to 1024")
        }
        if parts.part != nil, output != nil {
            throw ValidationError("--output does not go with --part: a part is no version")
        }
        if seed, copies.untilCopies != nil {
            throw ValidationError("--seed serves until interrupted; leave it out")
        }
    }

    func run() async throws {
        let reference = try ModelReference(name: name, version: version)
        let addresses = try peer.trackers.addresses()
        let locations = try origins.locations()
        if addresses.isEmpty, parts.part != nil || copies.untilCopies != nil {
            throw CommandFailure(
                .usage,
                "--part and --until-copies need a tracker",
                remedy: "--tracker http://HOST:PORT"
            )
        }
        let published = try await Interrupt.cancelling {
            try await publish(reference, to: addresses, locations)
        }
        guard let published else { return }
        let seeding = PublishSeeding(options: peer, show: show, published: published)
        if let count = copies.untilCopies {
            let hosts = seedHosts(at: addresses)
            try await Interrupt.cancelling {
                try await hosts.hold(reference, until: published.deadline, isQuiet: show.quiet)
            }
            try await seeding.run(directory, until: count, on: hosts, at: addresses)
        } else {
            try await seeding.run(directory)
        }
    }

    private var isServing: Bool { seed || copies.untilCopies != nil }

    /// Makes the version or the part, writes and registers it, and prints the report. Returns what
    /// is to be served; nil when nothing is.
    private func publish(
        _ reference: ModelReference,
        to addresses: [TrackerAddress],
        _ locations: [OriginLocation]
    ) async throws -> Published? {
        let isFile = addresses.isEmpty && parts.part == nil
        let path = output ?? (isFile ? "\(name.model)-\(version).torrent" : nil)
        try await PublishCatalog.check(reference, at: addresses)
        try await seedHosts(at: addresses).check(isQuiet: show.quiet)
        let catalog = try OriginOptions.catalog(for: locations, file: peer.originConfig)
        let made = try await makePublication(named: reference, output: path)
        try await OriginCheck.check(made.publication.info, at: locations, catalog)
        let metainfo = Metainfo(
            info: made.publication.info,
            pieceLayers: made.publication.pieceLayers,
            trackers: addresses.isEmpty ? [] : [addresses.map(\.announceURL)],
            createdBy: "shoal \(Shoal.versionText)",
            reference: reference,
            origins: locations,
            part: try label(of: made.publication.files)
        )
        if let part = parts.part { return try await publish(part, made, metainfo, to: addresses) }
        let bytes = MetainfoCodec.encode(metainfo)
        if let path { try PublishedFile.write(bytes, of: metainfo, to: path) }
        let registered = try await PublishCatalog.register(
            bytes,
            as: reference,
            at: addresses,
            token: token.value()
        )
        let report = PublishReport(metainfo, made, output: path, trackers: registered)
        try show.finish(report) { report.text }
        return isServing ? Published(metainfo, made, .whole, deadline) : nil
    }

    private func seedHosts(at addresses: [TrackerAddress]) -> SeedHosts {
        SeedHosts(names: copies.seedHost, tracker: addresses.first, token: token.value())
    }

    private var deadline: PublishDeadline { PublishDeadline(seconds: copies.deadline) }

    private func label(of files: [ScannedFile]) throws -> PartLabel? {
        guard let part = parts.part else { return nil }
        return PartLabel(
            number: part,
            pieceLengthAsked: pieceLength?.bytes,
            expected: try IndexedFiles.named(by: files)
        )
    }

    /// Registers a part and, when it is to be served, waits for the others.
    private func publish(
        _ number: PartNumber,
        _ made: MadePublication,
        _ part: Metainfo,
        to addresses: [TrackerAddress]
    ) async throws -> Published? {
        let parts = PublishParts(
            part: number,
            reference: try ModelReference(name: name, version: version),
            trackers: addresses,
            token: token.value()
        )
        let states = try await parts.register(
            MetainfoCodec.encode(part),
            replacing: self.parts.replacePart
        )
        let report = PublishReport(part, made, states, at: addresses)
        try show.finish(report) { report.text }
        let deadline = deadline
        guard isServing else {
            try report.requireNamedFiles()
            return nil
        }
        let whole = try await parts.whole(
            having: made.publication.info,
            until: deadline,
            isQuiet: show.quiet
        )
        return Published(whole, made, number, deadline)
    }
}

/// What is to be served after it was published.
struct Published: Sendable {
    let metainfo: Metainfo
    let part: PartNumber
    /// Of the files that are in the directory.
    let paths: Set<[String]>
    let deadline: PublishDeadline

    init(
        _ metainfo: Metainfo,
        _ made: MadePublication,
        _ part: PartNumber,
        _ deadline: PublishDeadline
    ) {
        self.metainfo = metainfo
        self.part = part
        self.deadline = deadline
        paths = Set(made.publication.files.map(\.path))
    }
}
