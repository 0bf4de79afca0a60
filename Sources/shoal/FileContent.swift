import Foundation

/// Whole small files, read and written with errors that name them.
enum FileContent {
    static func read(_ path: String, byteCountMax: Int) throws(CommandFailure) -> Data {
        var status = stat()
        guard stat(path, &status) == 0 else {
            let code = errno
            throw CommandFailure(
                code == ENOENT ? .notFound : .failure,
                "'\(path)' cannot be read: \(String(cString: strerror(code)))",
                remedy: "check the path"
            )
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw CommandFailure(.failure, "'\(path)' is not a file", remedy: "check the path")
        }
        guard status.st_size <= byteCountMax else {
            throw CommandFailure(
                .failure,
                "'\(path)' has \(status.st_size) bytes; at most \(byteCountMax) are read",
                remedy: "check that it is the right file"
            )
        }
        do {
            return try Data(contentsOf: URL(filePath: path))
        } catch {
            throw CommandFailure(
                .failure,
                "'\(path)' cannot be read: \(error.localizedDescription)",
                remedy: "check its permissions"
            )
        }
    }

    /// Writes the file so that it is there whole or not at all.
    static func write(_ bytes: [UInt8], to path: String) throws(CommandFailure) {
        do {
            try Data(bytes).write(to: URL(filePath: path), options: .atomic)
        } catch {
            throw CommandFailure(
                .failure,
                "'\(path)' cannot be written: \(error.localizedDescription)",
                remedy: "check that the directory exists, is writable and has space"
            )
        }
    }
}
