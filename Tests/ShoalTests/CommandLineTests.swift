import ArgumentParser
import SwarmHash
import SwarmModel
import SwarmSimulator
import SwarmWire
import Testing

@testable import shoal

@Suite("The command line")
struct CommandLineTests {
    @Test("the command's --version is the model's version, also when something else is wrong")
    func versionOption() throws {
        let line = ["publish", "dir", "--name", "acme/llama", "--version", "1.0"]
        let command = try #require(try Shoal.parseAsRoot(line) as? Publish)
        #expect(command.version == "1.0")
        #expect(throws: (any Error).self) { try Shoal.parseAsRoot(Array(line.dropFirst(2))) }
        do {
            _ = try Shoal.parseAsRoot(["publish", "dir", "--version", "1.0"])
            Issue.record("parsed without a name")
        } catch {
            #expect(Shoal.exitCode(for: error).rawValue == ExitStatus.usage.rawValue)
        }
    }

    @Test(
        "wrong options are usage errors",
        arguments: [
            ["--piece-length", "48KiB"], ["--piece-length", "8KiB"], ["--piece-length", "512MiB"],
            ["--piece-length", "x"], ["--tracker", "udp://t:1"], ["--threads", "0"], ["--nonsense"],
            ["--part", "3/2"], ["--part", "1"], ["--part", "1/2", "--output", "x.torrent"],
            ["--replace-part"], ["--until-copies", "0"], ["--until-copies", "1", "--seed"],
            ["--deadline", "-1"], ["--seed-host", "h1"],
            ["--until-copies", "1", "--seed-host", "a b"],
        ]
    )
    func usage(extra: [String]) {
        let line = ["publish", "dir", "--name", "acme/llama", "--version", "1.0"] + extra
        do {
            _ = try Shoal.parseAsRoot(line)
            Issue.record("parsed \(extra)")
        } catch {
            #expect(Shoal.exitCode(for: error).rawValue == ExitStatus.usage.rawValue)
        }
    }

    @Test("a failure is told in two lines: what happened, and what to try")
    func failureText() {
        let failure = CommandFailure(.conflict, "taken", remedy: "another name")
        #expect(failure.description == "shoal: error: taken\nshoal: try: another name")
        #expect(CommandFailure(.failure, "broken").description == "shoal: error: broken")
    }

    @Test("exit statuses are documented")
    func statuses() {
        for status in ExitStatus.allCases {
            #expect(ExitStatus.documentation.contains("\(status.rawValue) "))
        }
    }

    @Test("control characters from outside do not reach the terminal")
    func safeText() {
        #expect(Terminal.safe("a\u{1B}[31mb\nü\u{85}") == "a?[31mb?ü?")
    }

    @Test("columns are aligned and lines have no spaces at their end")
    func table() {
        let table = TextTable(rows: [["a", "1", "x"], ["bbb", "22", ""]], rightAligned: [1])
        #expect(table.text == "a     1  x\nbbb  22")
        #expect(TextTable(rows: []).text.isEmpty)
    }

    @Test("inspect tells present layers from missing ones")
    func layers() throws {
        let digests = (1...3).map { SwarmHash.sha256([UInt8($0)]) }
        let layer = Array(digests[0...1])
        let root = SystemHasher().root(ofPieceLayer: layer, pieceLength: 16384)
        let info = try MetainfoCodec.makeInfo(
            name: "x",
            pieceLength: 16384,
            files: [
                FileEntry(path: ["empty"], length: 0, piecesRoot: nil),
                FileEntry(path: ["long"], length: 20000, piecesRoot: root),
                FileEntry(path: ["short"], length: 5, piecesRoot: digests[2]),
            ],
            isPrivate: false,
            hasher: SystemHasher()
        )
        let whole = InspectReport(
            Metainfo(info: info, pieceLayers: [PieceLayer(root: root, hashes: layer)])
        )
        #expect(whole.files.map(\.layer) == [.unneeded, .present, .unneeded])
        #expect(whole.files.map(\.pieces) == [0, 2, 1])
        #expect(whole.text.contains("all 1 present"))
        let bare = InspectReport(Metainfo(info: info, pieceLayers: []))
        #expect(bare.layersMissing == 1)
        #expect(bare.text.contains("long  (piece layer missing)"))
        #expect(bare.magnet.hasPrefix("magnet:?xt=urn:btmh:1220\(info.infoHash)"))
    }

    @Test("every ready-made plan of the simulator can be read by its name")
    func plans() throws {
        for name in ReadyMadePlans.names {
            #expect(try PlanFile.read(name).name == name)
        }
        #expect(throws: CommandFailure.self) { try PlanFile.read("no-such-plan") }
        #expect(throws: (any Error).self) { try Shoal.parseAsRoot(["simulate"]) }
        let line = ["simulate", "mixed", "--seeds", "0"]
        #expect(throws: (any Error).self) { try Shoal.parseAsRoot(line) }
    }
}
