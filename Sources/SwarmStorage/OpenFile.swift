package import SystemPackage

/// An open file. The descriptor stays open for as long as the object is referenced, whatever
/// happens to the file's name, so that a `sendfile` in flight never meets another file's number.
package final class OpenFile: Sendable {
    package let descriptor: FileDescriptor
    /// The name that it was opened by, for messages.
    package let path: FilePath
    let fileSystem: any FileSystem
    /// The same file, opened for writing past the page cache; nil when that is not wanted or
    /// cannot be.
    let direct: OpenFile?

    /// Most bytes read or written by one system call, which bounds what an interruption repeats.
    static let transferBytesMax = 64 << 20

    init(
        _ path: FilePath,
        _ access: FileAccess,
        in fileSystem: any FileSystem,
        alsoDirect: Bool = false
    ) throws(Errno) {
        while true {
            do throws(Errno) {
                descriptor = try fileSystem.open(path, access)
                break
            } catch { if error != .interrupted { throw error } }
        }
        self.path = path
        self.fileSystem = fileSystem
        direct = alsoDirect ? try? OpenFile(path, .direct, in: fileSystem) : nil
    }

    deinit {
        // Whoever needs the bytes to be durable has synced them, so that nothing hangs on this
        // result.
        try? fileSystem.close(descriptor)
    }

    /// Writes all of `bytes`, going on after short writes and interruptions.
    func write(all bytes: UnsafeRawBufferPointer, at offset: Int) throws(Errno) {
        var done = 0
        while done < bytes.count {
            let end = min(bytes.count, done + Self.transferBytesMax)
            do throws(Errno) {
                let part = UnsafeRawBufferPointer(rebasing: bytes[done..<end])
                let count = try fileSystem.write(descriptor, part, at: offset + done)
                // No file system of ours returns 0 for a write of something; do not spin on one.
                if count == 0 { throw Errno.ioError }
                done += count
            } catch { if error != .interrupted { throw error } }
        }
    }

    func write(all bytes: [UInt8], at offset: Int) throws(Errno) {
        try bytes.withUnsafeBufferPointer { bytes throws(Errno) in
            try write(all: UnsafeRawBufferPointer(bytes), at: offset)
        }
    }

    /// Fills `buffer`; the bytes that are there when the file ends first.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(Errno) -> Int {
        var done = 0
        while done < buffer.count {
            let end = min(buffer.count, done + Self.transferBytesMax)
            do throws(Errno) {
                let part = UnsafeMutableRawBufferPointer(rebasing: buffer[done..<end])
                let count = try fileSystem.read(descriptor, into: part, at: offset + done)
                if count == 0 { return done }
                done += count
            } catch { if error != .interrupted { throw error } }
        }
        return done
    }

    /// Fills `buffer`; a file that ends before is an error.
    func read(all buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(StorageError) {
        let count = try attempt(.read, path) { () throws(Errno) in
            try read(into: buffer, at: offset)
        }
        if count < buffer.count {
            throw StorageError(
                .readFailed,
                "'\(path)' ends at byte \(offset + count), before \(offset + buffer.count): "
                    + "it was cut short by another program",
                path: path
            )
        }
    }

    /// Makes the file `length` bytes long, its blocks reserved where the file system can.
    func allocate(length: Int) throws(Errno) {
        while true {
            do throws(Errno) {
                return try fileSystem.allocate(descriptor, length: length)
            } catch {
                switch error {
                case .interrupted: continue
                case .notSupported: return try fileSystem.truncate(descriptor, length: length)
                default: throw error
                }
            }
        }
    }

    func status() throws(Errno) -> FileStatus { try fileSystem.status(of: descriptor) }
    func syncData() throws(Errno) { try fileSystem.syncData(descriptor) }
    func sync() throws(Errno) { try fileSystem.sync(descriptor) }
}
