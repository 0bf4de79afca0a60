import Foundation
import SwarmModel
import SwarmRuntime
import Testing

@Suite("PriceFile")
struct PriceFileTests {
    @Test(
        "the built-in prices are those of the reference",
        arguments: [
            ("aws/us-east-1/az1", "aws/us-east-1/az1", SourceKind.peer, 0),
            ("aws/us-east-1/az1", "aws/us-east-1/az2", .peer, 0.02),
            ("aws/us-east-1", "aws/us-east-1/az2", .origin, 0),
            ("aws/us-east-1/az1", "aws/us-west-2/az1", .peer, 0.02),
            ("aws/us-east-1/az1", "aws/eu-west-1/az1", .peer, 0.05),
            ("aws/us-east-1/az1", "gcp/us-central1/a", .peer, 0.09),
            ("aws/us-east-1", "gcp/us-central1/a", .origin, 0.09),
            ("gcp/us-central1/a", "gcp/us-central1/b", .peer, 0.01),
            ("gcp/us-central1/a", "gcp/asia-east1/b", .peer, 0.05),
            ("gcp/us-central1/a", "aws/us-east-1/az1", .peer, 0.12),
            ("azure/eastus/1", "azure/eastus/2", .peer, 0),
            ("azure/eastus/1", "azure/westus2/1", .peer, 0.02),
            ("azure/eastus/1", "azure/westeurope/1", .peer, 0.05),
            ("azure/eastus/1", "aws/us-east-1/az1", .peer, 0.087),
            ("coreweave/las1/r1", "aws/us-east-1/az1", .peer, 0),
            ("nebius/eu/r1", "aws/us-east-1/az1", .peer, 0),
            ("nebius/eu", "aws/us-east-1/az1", .origin, 0.015),
            ("r2", "aws/us-east-1/az1", .origin, 0),
            ("own/hall/r1", "own/hall/r2", .peer, 0),
            ("own/hall/r1", "aws/us-east-1/az1", .peer, 0.09),
        ]
    )
    func preset(from: String, to: String, kind: SourceKind, usd: Double) throws {
        let prices = EgressPrices.defaults
        #expect(prices.usdPerGB(from: try Locality(from), to: try Locality(to), kind: kind) == usd)
        #expect(prices.date == "2026-09-20")
    }

    @Test("every two known localities have a price, and unknown ones have none")
    func coverage() throws {
        let places = try ["aws/a/b", "gcp/a/b", "x/a/b", "x/a/c", "x/d/b", "y", "vast/a/b"]
            .map { try Locality($0) }
        for from in places {
            for to in places {
                for kind in SourceKind.allCases {
                    #expect(EgressPrices.defaults.usdPerGB(from: from, to: to, kind: kind) != nil)
                }
            }
        }
        let none = EgressPrices.defaults.usdPerGB(from: .unknown, to: places[0], kind: .peer)
        #expect(none == nil)
    }

    @Test("the default file can be written out, changed and read again")
    func roundTrip() throws {
        let path = FileManager.default.temporaryDirectory
            .appending(path: "prices-\(UUID().uuidString).json").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let text = try PriceFile.text(of: .defaults)
        try Data(text.utf8).write(to: URL(filePath: path))
        #expect(try PriceFile.read(path) == .defaults)
        let misspelt = text.replacing("\"level\"", with: "\"Level\"")
        try Data(misspelt.utf8).write(to: URL(filePath: path))
        #expect(throws: PriceFile.Flaw.self) { try PriceFile.read(path) }
        do {
            _ = try PriceFile.read(path)
        } catch {
            #expect(
                error.message.hasPrefix(
                    "'\(path)' is not a usable price file: rules[0].Level is no key of a rule"
                ),
                "\(error)"
            )
        }
    }

    @Test("a file that is not there, too long or a directory is named")
    func unreadable() throws {
        let directory = FileManager.default.temporaryDirectory
        let long = directory.appending(path: "prices-\(UUID().uuidString).json").path
        defer { try? FileManager.default.removeItem(atPath: long) }
        try Data(repeating: 32, count: PriceFile.byteCountMax + 1).write(to: URL(filePath: long))
        for path in ["/nowhere/prices.json", directory.path, long] {
            do {
                _ = try PriceFile.read(path)
                Issue.record("read \(path)")
            } catch {
                #expect(error.message.contains("'\(path)'"), "\(error)")
            }
        }
    }
}
