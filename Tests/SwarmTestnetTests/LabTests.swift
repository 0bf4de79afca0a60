import Foundation
import Testing

@testable import SwarmTestnet

@Suite struct LabTests {
    private let directory: String

    init() throws {
        directory = NSTemporaryDirectory() + "shoal-lab-tests-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: true
        )
    }

    private func model(_ name: String, seed: UInt64 = 1) throws -> String {
        let path = "\(directory)/\(name)"
        let plan = ModelPlan(byteCount: 300_001, fileCount: 2, seed: seed, pieceByteCount: nil)
        try GeneratedModel.write(plan, to: path)
        return path
    }

    private func change(_ path: String, _ body: (inout Data) -> Void) throws {
        let url = URL(fileURLWithPath: path)
        var data = try Data(contentsOf: url)
        body(&data)
        try data.write(to: url)
    }

    @Test("the same plan makes the same bytes, another seed others, and the size is as asked")
    func generated() async throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let one = try model("one")
        let differences = try await Comparison.differences(
            of: [1: try model("two"), 2: try model("three", seed: 2)],
            from: one
        )
        #expect(differences.keys.sorted() == [2])
        let sizes = try ["model-00001-of-00002", "model-00002-of-00002"].map {
            try Data(contentsOf: URL(fileURLWithPath: "\(one)/\($0).safetensors")).count
        }
        #expect(sizes == [150_000, 150_001])
    }

    @Test("a program is found by its name and by its path, and runs where it is told to")
    func programs() async throws {
        for program in ["echo", "/bin/echo"] {
            #expect(try await Shell.run(program, ["here"]) == "here\n")
            let table = ProcessTable()
            let log = "\(directory)-log"
            defer { try? FileManager.default.removeItem(atPath: log) }
            await ProcessPlan(
                key: "echo",
                label: "echo",
                command: [program, "there"],
                namespace: nil,
                log: log
            ).run(in: table)
            #expect(try String(contentsOfFile: log, encoding: .utf8) == "there\n")
        }
        try FileManager.default.removeItem(atPath: directory)
    }

    @Test("a changed, a cut, a longer, a missing and an extra file are each found")
    func comparison() async throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let original = try model("original")
        let file = "model-00002-of-00002.safetensors"
        var copies: [Int: String] = [:]
        for (number, name) in ["same", "changed", "cut", "longer", "missing", "extra"].enumerated()
        {
            copies[number] = try model(name)
        }
        try change("\(directory)/changed/\(file)") { $0[123_456] ^= 1 }
        try change("\(directory)/cut/\(file)") { $0.removeLast() }
        try change("\(directory)/longer/\(file)") { $0.append(0) }
        try FileManager.default.removeItem(atPath: "\(directory)/missing/\(file)")
        try Data([1]).write(to: URL(fileURLWithPath: "\(directory)/extra/more"))
        let differences = try await Comparison.differences(of: copies, from: original)
        #expect(differences.keys.sorted() == [1, 2, 3, 4, 5])
        #expect(differences[1] == "\(file) differs from the original at byte 123456")
        #expect(differences[2] == "\(file) differs from the original at byte 150000")
        #expect(differences[3] == "\(file) differs from the original at byte 150001")
    }
}
