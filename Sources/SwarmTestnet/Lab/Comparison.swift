import Foundation

/// Compares what hosts hold with the original, byte by byte and name by name.
package enum Comparison {
    private static let chunkByteCount = 4 << 20

    /// What is wrong with each copy, by the key of its host; a copy without an entry is the
    /// original. The original is read once, whatever the number of copies.
    @concurrent
    package static func differences(
        of copies: [Int: String],
        from original: String
    ) async throws -> [Int: String] {
        var wrong: [Int: String] = [:]
        let expected = try files(below: original)
        for (host, path) in copies {
            let found = (try? files(below: path)) ?? []
            if found != expected { wrong[host] = "has the files \(found), expected \(expected)" }
        }
        for file in expected {
            let sound = copies.filter { wrong[$0.key] == nil }
            for (host, offset) in try compare(file, of: sound, with: original) {
                wrong[host] = "\(file) differs from the original at byte \(offset)"
            }
        }
        return wrong
    }

    private static func files(below directory: String) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: directory).filter { name in
            var isDirectory: ObjCBool = false
            let path = "\(directory)/\(name)"
            return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
                && !isDirectory.boolValue
        }.sorted()
    }

    private static func compare(
        _ file: String,
        of copies: [Int: String],
        with original: String
    ) throws -> [(Int, Int)] {
        let source = try FileHandle(forReadingFrom: URL(fileURLWithPath: "\(original)/\(file)"))
        defer { try? source.close() }
        var open: [(host: Int, handle: FileHandle)] = []
        defer { for (_, handle) in open { try? handle.close() } }
        var wrong: [(Int, Int)] = []
        for (host, path) in copies {
            if let handle = FileHandle(forReadingAtPath: "\(path)/\(file)") {
                open.append((host, handle))
            } else {
                wrong.append((host, 0))
            }
        }
        var offset = 0
        while true {
            // Nothing at the end: a longer copy is found by its extra bytes.
            let expected = try source.read(upToCount: chunkByteCount) ?? Data()
            for index in open.indices.reversed() {
                let found = try open[index].handle.read(upToCount: max(1, expected.count)) ?? Data()
                if found == expected { continue }
                let same = zip(found, expected).prefix { $0 == $1 }.count
                wrong.append((open[index].host, offset + same))
                try open.remove(at: index).handle.close()
            }
            if expected.isEmpty { return wrong }
            offset += expected.count
        }
    }
}
