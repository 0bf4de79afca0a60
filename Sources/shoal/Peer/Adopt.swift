import ArgumentParser
import Foundation
import SwarmModel
import SwarmPeer
import SwarmStorage

/// `shoal adopt`: a version from files that are already on this host.
struct Adopt: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adopt",
        abstract: "Takes a version from files that are here already, and fetches only the rest.",
        discussion: """
            The directory has the version's files by their names, as a Hugging Face cache does \
            under snapshots/REVISION; links are followed. Each piece is compared with the \
            version's hashes and copied: nothing of the directory is changed or linked to. Files \
            that differ are named. What is missing comes from other hosts.

              shoal adopt ~/.cache/huggingface/hub/models--acme--llama/snapshots/4f1c2 \
            acme/llama@1.0
            """
    )

    @Argument(help: ArgumentHelp("Where the files are.", valueName: "dir"))
    var directory: String

    @OptionGroup var version: ReferenceArgument

    @Option(
        help: ArgumentHelp(
            "The version's .torrent file; without it the peer's trackers are asked.",
            valueName: "file"
        )
    )
    var torrent: String?

    @OptionGroup var api: APIOptions
    @OptionGroup var show: OutputOptions

    func run() async throws {
        let reference = version.reference
        let order = AdoptOrder(
            directory: URL(fileURLWithPath: directory).standardizedFileURL.path,
            torrent: try torrent.map { path throws(CommandFailure) in
                try FileContent.read(path, byteCountMax: PullSource.torrentByteCountMax)
            }
        )
        let report = try await Interrupt.cancelling {
            try await PeerClient.with(api) { try await $0.adopt(reference, order) }
        }
        try show.finish(report) { Self.text(report) }
    }

    static func text(_ report: AdoptReport) -> String {
        let share = "\(ByteCount(report.adoptedBytes)) of \(ByteCount(report.bytes))"
        var lines = ["\(report.name)@\(report.version): \(share) taken over"]
        lines += report.problems.map { "\($0.path): \($0.reason)" }
        if report.adoptedBytes < report.bytes {
            lines.append("the rest is being fetched; 'shoal status' shows how far it is")
        }
        return lines.joined(separator: "\n")
    }
}
