#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// The few file operations of the catalog, each with its error as a value.
enum CatalogFiles {
    struct Failure: Error, Hashable, CustomStringConvertible {
        var operation: String
        var path: String
        var code: CInt

        var message: String { "\(operation) \(path): \(String(cString: strerror(code)))" }
        var description: String { message }
    }

    /// Makes a directory and those above it that are missing, each durable in its parent.
    static func makeDirectory(_ path: String) throws(Failure) {
        if mkdir(path, 0o755) == 0 {
            try synchronise(directory: parent(of: path))
            return
        }
        switch errno {
        case EEXIST: return
        case ENOENT where path != parent(of: path):
            try makeDirectory(parent(of: path))
            guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw failure("create", path) }
            try synchronise(directory: parent(of: path))
        default: throw failure("create", path)
        }
    }

    /// Writes a new file by way of an unnamed one in `partial`. False when the name is taken and
    /// not to be replaced: a link, unlike a rename, never replaces.
    static func write(
        _ bytes: [UInt8],
        to path: String,
        by partial: String,
        replacing: Bool = false
    ) throws(Failure) -> Bool {
        let random = UInt64.random(in: 0...UInt64.max)
        let temporary = "\(partial)/\(String(random, radix: 36)).tmp"
        defer { remove(temporary) }
        try writeDurably(bytes, to: temporary)
        if replacing {
            guard rename(temporary, path) == 0 else { throw failure("rename", path) }
            try synchronise(directory: parent(of: path))
            return true
        }
        guard link(temporary, path) == 0 else {
            if errno == EEXIST { return false }
            throw failure("link", path)
        }
        try synchronise(directory: parent(of: path))
        return true
    }

    private static func writeDurably(_ bytes: [UInt8], to path: String) throws(Failure) {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o444)
        guard file >= 0 else { throw failure("create", path) }
        defer { close(file) }
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes {
                Self.posixWrite(file, UnsafeRawBufferPointer(rebasing: $0[offset...]))
            }
            guard count >= 0 else {
                if errno == EINTR { continue }
                throw failure("write", path)
            }
            offset += count
        }
        guard fsync(file) == 0 else { throw failure("synchronise", path) }
    }

    private static func posixWrite(_ file: CInt, _ bytes: UnsafeRawBufferPointer) -> Int {
        #if canImport(Glibc)
            Glibc.write(file, bytes.baseAddress, bytes.count)
        #elseif canImport(Musl)
            Musl.write(file, bytes.baseAddress, bytes.count)
        #else
            Darwin.write(file, bytes.baseAddress, bytes.count)
        #endif
    }

    private static func posixRead(_ file: CInt, _ bytes: UnsafeMutableRawBufferPointer) -> Int {
        #if canImport(Glibc)
            Glibc.read(file, bytes.baseAddress, bytes.count)
        #elseif canImport(Musl)
            Musl.read(file, bytes.baseAddress, bytes.count)
        #else
            Darwin.read(file, bytes.baseAddress, bytes.count)
        #endif
    }

    /// The whole of a file; nil when there is none.
    static func read(_ path: String) throws(Failure) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw failure("open", path)
        }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 256 << 10)
        while true {
            let count = chunk.withUnsafeMutableBytes { Self.posixRead(file, $0) }
            if count == 0 { return bytes }
            guard count > 0 else {
                if errno == EINTR { continue }
                throw failure("read", path)
            }
            bytes += chunk[..<count]
        }
    }

    /// The length of a file; nil when there is none.
    static func length(_ path: String) -> Int? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        let end = lseek(file, 0, SEEK_END)
        return end < 0 ? nil : Int(end)
    }

    static func isWritable(_ path: String) -> Bool { access(path, W_OK | X_OK) == 0 }

    /// The names in a directory, in order; none when it cannot be read.
    static func names(in directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Gives a file that somebody else has written its name, durably.
    static func publish(_ path: String, as name: String) throws(Failure) {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw failure("open", path) }
        defer { close(file) }
        guard fsync(file) == 0 else { throw failure("synchronise", path) }
        guard rename(path, name) == 0 else { throw failure("rename", path) }
        try synchronise(directory: parent(of: name))
    }

    static func remove(_ path: String) { _ = unlink(path) }

    /// Removes a directory of files.
    static func removeDirectory(_ path: String) {
        for name in names(in: path) { remove(path + "/" + name) }
        _ = rmdir(path)
    }

    private static func synchronise(directory: String) throws(Failure) {
        let file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard file >= 0 else { throw failure("open", directory) }
        defer { close(file) }
        guard fsync(file) == 0 else { throw failure("synchronise", directory) }
    }

    static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func failure(_ operation: String, _ path: String) -> Failure {
        Failure(operation: operation, path: path, code: errno)
    }
}
