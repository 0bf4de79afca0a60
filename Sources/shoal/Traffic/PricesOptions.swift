import ArgumentParser
import Foundation
import SwarmModel
import SwarmRuntime

/// With what prices a command reports costs.
struct PricesOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A price file for the costs shown; also from SHOAL_PRICES.",
            discussion: "By default list prices built in, which 'shoal prices' prints.",
            valueName: "file"
        )
    )
    var prices: String?

    func load(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(CommandFailure) -> EgressPrices {
        guard let path = prices ?? environment["SHOAL_PRICES"], !path.isEmpty else {
            return .defaults
        }
        return try Self.read(path)
    }

    static func read(_ path: String) throws(CommandFailure) -> EgressPrices {
        do {
            return try PriceFile.read(path)
        } catch {
            throw CommandFailure(.failure, error.message)
        }
    }
}

/// `shoal prices`: the prices in use, as a file.
struct Prices: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prices",
        abstract: "Prints the prices that costs are reported with, as a price file.",
        discussion: """
            Prices are for a gigabyte (10^9 bytes) by sender, receiver and how far apart they are; \
            the sender pays. The first rule that fits decides. To use your own:

              shoal prices > prices.json
              shoal tracker --prices prices.json ...
            """
    )

    @OptionGroup var prices: PricesOptions

    func run() throws {
        print(try PriceFile.text(of: prices.load()), terminator: "")
    }
}
