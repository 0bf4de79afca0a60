import ArgumentParser
import Foundation
import SwarmHash
import SwarmModel
import SwarmWire

/// `shoal inspect`: what a `.torrent` file says, after every check that needs no content.
struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Shows what a .torrent file describes.",
        discussion: """
            Prints names, info-hash, magnet link, files with their Merkle roots, and which piece \
            layers the file carries. The file is read as strictly as a peer reads it: one that is \
            shown here can be pulled.
            """
    )

    @Argument(help: ArgumentHelp("The .torrent file.", valueName: "file.torrent"))
    var file: String

    @OptionGroup var output: OutputOptions

    func run() throws {
        let metainfo = try TorrentFile.read(file)
        let report = InspectReport(metainfo)
        try output.finish(report) { report.text }
    }
}

/// `.torrent` files on disk.
enum TorrentFile {
    /// Reads and checks a metainfo.
    static func read(_ path: String) throws(CommandFailure) -> Metainfo {
        let data = try FileContent.read(path, byteCountMax: MetainfoLimits.default.byteCountMax)
        do {
            return try MetainfoCodec.decode(Array(data), hasher: SystemHasher())
        } catch {
            throw CommandFailure(
                .failure,
                "'\(path)' is not a usable .torrent file: \(Terminal.safe("\(error)"))",
                remedy: "get the file again, or publish the version anew with 'shoal publish'"
            )
        }
    }
}
