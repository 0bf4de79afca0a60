import Foundation
import SwarmHash
import SwarmModel
import SwarmStorage
import SwarmWire
import SystemPackage
import Testing

@testable import SwarmPeer

@Suite("Version files")
struct VersionFilesTests {
    @Test("leaves of long pieces are read in parts, and are those of the bytes")
    func leavesInParts() throws {
        let directory = FileManager.default.temporaryDirectory
            .appending(path: "shoal-files-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let root = FilePath(directory.path)
        var random = SeededRandom(seed: 9)
        let bytes = (0..<(5 << 20) + 77).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        let source = directory.appending(path: "model")
        try FileManager.default.createDirectory(at: source, withIntermediateDirectories: true)
        try Data(bytes).write(to: source.appending(path: "weights"))
        let scan = try DirectoryScan(of: source.path)
        let hashed = try ContentHasher(pieceLength: 2 << 20).hash(scan.files)
        let info = try MetainfoCodec.makeInfo(
            name: "model",
            pieceLength: 2 << 20,
            files: Publication.entries(of: scan.files, hashed: hashed),
            isPrivate: false,
            hasher: SystemHasher()
        )
        let layers = Publication(info: info, files: scan.files, hashed: hashed).pieceLayers
        let store = try Store.open(directory: root.appending("data"))
        let holding = try store.holding(
            of: info,
            layers: layers,
            seedingFrom: root.appending("model")
        )
        let files = VersionFiles(info: info, holding: holding, layers: layers)
        let expected = bytes.withUnsafeBytes { LeafHasher.leaves(of: $0) }
        let file = try #require(info.geometry.files.first)
        for range in [0..<expected.count, 3..<200, 127..<129, 31..<32, 320..<321] {
            let leaves = try files.leaves(of: file, range, verified: holding.verified)
            #expect(leaves == Array(expected[range]), "\(range)")
        }
        #expect(throws: VersionFiles.NotVerified.self) {
            try files.leaves(of: file, 0..<1, verified: Bitfield(count: 3))
        }
    }
}
