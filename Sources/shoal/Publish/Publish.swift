import ArgumentParser
import Foundation
import SwarmModel
import SwarmRuntime
import SwarmStorage
import SwarmWire

/// `shoal publish`: hashes a directory into an immutable version and makes it known.
struct Publish: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
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
    }

    func run() async throws {
        let reference = try ModelReference(name: name, version: version)
        let addresses = try peer.trackers.addresses()
        let locations = try origins.locations()
        let metainfo = try await Interrupt.cancelling {
            try await publish(reference, to: addresses, locations)
        }
        guard seed else { return }
        let seeding = PublishSeeding(options: peer, isJSON: show.json)
        try await seeding.run(directory, metainfo)
    }

    /// Makes the version, writes and registers it, and prints the report.
    private func publish(
        _ reference: ModelReference,
        to addresses: [TrackerAddress],
        _ locations: [OriginLocation]
    ) async throws -> Metainfo {
        let path = output ?? (addresses.isEmpty ? "\(name.model)-\(version).torrent" : nil)
        try await PublishCatalog.check(reference, at: addresses)
        let catalog = try OriginOptions.catalog(for: locations, file: peer.originConfig)
        let made = try await makePublication(named: reference, output: path)
        try await OriginCheck.check(made.publication.info, at: locations, catalog)
        let metainfo = Metainfo(
            info: made.publication.info,
            pieceLayers: made.publication.pieceLayers,
            trackers: addresses.isEmpty ? [] : [addresses.map(\.announceURL)],
            createdBy: "shoal \(Shoal.versionText)",
            reference: reference,
            origins: locations
        )
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
        return metainfo
    }
}
