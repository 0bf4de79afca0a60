import Foundation
import SwarmModel
import SwarmStorage

/// Which files a model has, as its own indexes say: `model.safetensors.index.json` and its like
/// have a `weight_map` from tensors to the files beside it.
enum IndexedFiles {
    private static let suffix = ".index.json"
    /// Bytes of an index that is read: some ten times the longest known.
    private static let byteCountMax = 128 << 20

    /// The files that the indexes among `files` name, as paths below the published directory, in
    /// order.
    static func named(by files: [ScannedFile]) throws(CommandFailure) -> [String] {
        var paths: [String] = []
        for file in files where file.path.last?.hasSuffix(suffix) == true {
            let bytes = try FileContent.read(file.filePath, byteCountMax: byteCountMax)
            // Another program's index may have the same ending.
            guard let index = try? JSONDecoder().decode(Index.self, from: Data(bytes)) else {
                continue
            }
            for name in Set(index.weightMap.values) {
                paths.append((file.path.dropLast() + [name]).joined(separator: "/"))
            }
        }
        let unique = Set(paths).sorted()
        guard unique.count <= PartLabel.expectedMax else {
            throw CommandFailure(
                .failure,
                "the indexes name \(unique.count) files; at most \(PartLabel.expectedMax) are read"
            )
        }
        return unique
    }

    private struct Index: Decodable {
        var weightMap: [String: String]

        private enum CodingKeys: String, CodingKey { case weightMap = "weight_map" }
    }
}
