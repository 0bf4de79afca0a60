internal import Foundation
package import SwarmModel

/// Reads price files, whose format Docs/Operations.md describes.
package enum PriceFile {
    /// Longest file that is read, in bytes.
    package static let byteCountMax = 1 << 20

    /// Why a price file cannot be used; names the file and the key.
    package struct Flaw: Error, Hashable, Sendable, CustomStringConvertible {
        package var message: String
        package var description: String { message }
    }

    /// Prices as a file, such as the built-in ones to start one's own from.
    package static func text(of prices: EgressPrices) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(prices), as: UTF8.self) + "\n"
    }

    package static func read(_ path: String) throws(Flaw) -> EgressPrices {
        let handle: FileHandle
        do {
            handle = try FileHandle(forReadingFrom: URL(filePath: path))
        } catch {
            throw unreadable(path, error)
        }
        defer { try? handle.close() }
        let data: Data
        do {
            data = try handle.read(upToCount: byteCountMax + 1) ?? Data()
        } catch {
            throw unreadable(path, error)
        }
        guard data.count <= byteCountMax else {
            throw Flaw(
                message: "'\(path)' has more than \(byteCountMax) bytes; check that it is the "
                    + "price file"
            )
        }
        return try parse(Array(data), named: "'\(path)'")
    }

    /// `name` is what errors call the file.
    package static func parse(_ json: [UInt8], named name: String) throws(Flaw) -> EgressPrices {
        do {
            return try JSONDecoder().decode(EgressPrices.self, from: Data(json))
        } catch let error as DecodingError {
            throw Flaw(message: "\(name) is not a usable price file: \(error.keyAndReason)")
        } catch {
            throw Flaw(message: "\(name) is not a usable price file: \(error)")
        }
    }

    private static func unreadable(_ path: String, _ error: any Error) -> Flaw {
        Flaw(
            message: "the price file '\(path)' cannot be read: \(error.localizedDescription); "
                + "check --prices"
        )
    }
}
