import ArgumentParser
import Foundation

/// How a command shows its result.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Print one JSON object on standard output instead of text.")
    var json = false

    @Flag(name: .shortAndLong, help: "Show no progress on standard error.")
    var quiet = false

    /// Prints the result: one object as JSON, or the lines of `text`.
    func finish(_ report: some Encodable, text: () -> String) throws {
        // Not `print`, whose buffer a command that goes on to serve would never empty.
        let result = json ? try Self.encode(report) : text()
        try FileHandle.standardOutput.write(contentsOf: Data((result + "\n").utf8))
    }

    /// One line of JSON with sorted keys, so that equal results are equal text.
    static func encode(_ report: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(report), as: UTF8.self)
    }
}
