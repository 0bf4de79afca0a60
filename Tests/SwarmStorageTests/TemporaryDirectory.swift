import Glibc
import SwarmStorage
import SystemPackage

/// A directory on the real disk that goes with the test.
final class TemporaryDirectory {
    let path: FilePath

    init() throws {
        var template = Array("/tmp/shoal-storage-XXXXXX".utf8CString)
        guard let name = mkdtemp(&template) else { throw Errno(rawValue: errno) }
        path = FilePath(platformString: name)
    }

    deinit { Self.remove(path) }

    private static func remove(_ path: FilePath) {
        let files = SystemFileSystem()
        if let names = try? files.list(path) {
            for name in names { remove(path.appending(name)) }
            try? files.removeDirectory(path)
        } else {
            try? files.unlink(path)
        }
    }

    func write(_ bytes: [UInt8], to name: String) throws {
        let files = SystemFileSystem()
        var parent = path
        for part in FilePath(name).removingLastComponent().components {
            parent.append(part)
            try? files.makeDirectory(parent, mode: [.ownerReadWriteExecute])
        }
        let file = try FileDescriptor.open(
            path.appending(name),
            .writeOnly,
            options: [.create, .truncate],
            permissions: [.ownerReadWrite]
        )
        defer { try? file.close() }
        try file.writeAll(bytes)
    }

    static func bytes(_ path: FilePath) throws -> [UInt8] {
        let file = try FileDescriptor.open(path, .readOnly)
        defer { try? file.close() }
        let size = try SystemFileSystem().status(of: file).size
        return try [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            count = try file.read(
                fromAbsoluteOffset: 0,
                into: UnsafeMutableRawBufferPointer(buffer)
            )
        }
    }
}
