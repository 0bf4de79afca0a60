import Foundation
import SwarmModel

/// Writes a model whose bytes depend on the plan alone: safetensors files that no disk or network
/// can compress, and the small ones that come with them.
package enum GeneratedModel {
    private static let chunkWordCount = 1 << 20

    /// Fills a new directory.
    package static func write(_ plan: ModelPlan, to directory: String) throws {
        try FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: true
        )
        var random = SeededRandom(seed: plan.seed)
        for number in 0..<plan.fileCount {
            let start = plan.byteCount * number / plan.fileCount
            let end = plan.byteCount * (number + 1) / plan.fileCount
            try writeTensors(
                end - start,
                to: "\(directory)/\(fileName(number, of: plan.fileCount))",
                random.fork()
            )
        }
        let config = "{\"hidden_size\": 4096, \"seed\": \(plan.seed)}\n"
        try Data(config.utf8).write(to: URL(fileURLWithPath: "\(directory)/\(smallFileNames[0])"))
        let tokenizer = String(repeating: "{\"version\": \"1.0\"}\n", count: 400)
        let path = "\(directory)/\(smallFileNames[1])"
        try Data(tokenizer.utf8).write(to: URL(fileURLWithPath: path))
    }

    /// Come with every model, whatever the number of its large files.
    package static let smallFileNames = ["config.json", "tokenizer.json"]

    /// As trainers name the parts of a large model.
    package static func fileName(_ number: Int, of count: Int) -> String {
        func five(_ number: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
        }
        return "model-\(five(number + 1))-of-\(five(count)).safetensors"
    }

    /// One tensor of bytes: the header's length in eight bytes, the header, and the data
    /// (https://github.com/huggingface/safetensors, "Format").
    private static func writeTensors(
        _ byteCount: Int,
        to path: String,
        _ random: SeededRandom
    ) throws {
        var random = random
        let header = header(dataByteCount: max(0, byteCount - headerByteCount))
        _ = FileManager.default.createFile(atPath: path, contents: nil)
        guard let file = FileHandle(forWritingAtPath: path) else {
            throw TestnetError("cannot write \(path)", remedy: "is the disk full?")
        }
        defer { try? file.close() }
        try file.write(contentsOf: header)
        var left = max(0, byteCount - header.count)
        var words = [UInt64](repeating: 0, count: min(chunkWordCount, left / 8 + 1))
        while left > 0 {
            for index in words.indices { words[index] = random.next() }
            let count = min(left, words.count * 8)
            try words.withUnsafeBytes { try file.write(contentsOf: Data($0.prefix(count))) }
            left -= count
        }
    }

    /// Always the same, so that the size of the file is what was asked for.
    private static let headerByteCount = 136

    private static func header(dataByteCount count: Int) -> Data {
        let text =
            "{\"weight\":{\"dtype\":\"U8\",\"shape\":[\(count)],\"data_offsets\":[0,\(count)]}}"
        let padding = headerByteCount - 8 - text.utf8.count
        let padded = text + String(repeating: " ", count: max(0, padding))
        var length = UInt64(padded.utf8.count).littleEndian
        return withUnsafeBytes(of: &length) { Data($0) } + Data(padded.utf8)
    }
}
