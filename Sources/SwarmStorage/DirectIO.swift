internal import Synchronization
internal import SystemPackage

/// Writing past the page cache: aligned memory that blocks are copied to on their way to an
/// O_DIRECT file. As many buffers live as there were writes at once.
final class DirectIO: Sendable {
    /// What offsets, lengths and addresses are multiples of: a page, and no less than the logical
    /// block of any disk in use.
    static let alignment = 4096
    /// Bytes written at once.
    private static let bufferByteCount = 1 << 20

    /// Memory kept as an address, because pointers may not be shared.
    private final class Buffer: Sendable {
        private let address: UInt
        init() {
            let memory = UnsafeMutableRawPointer.allocate(
                byteCount: DirectIO.bufferByteCount,
                alignment: DirectIO.alignment
            )
            address = UInt(bitPattern: memory)
        }
        var bytes: UnsafeMutableRawBufferPointer {
            UnsafeMutableRawBufferPointer(
                start: UnsafeMutableRawPointer(bitPattern: address),
                count: DirectIO.bufferByteCount
            )
        }
        deinit { bytes.deallocate() }
    }

    private let idle = Mutex<[Buffer]>([])

    /// Nil, with a note where it was asked for, when the data directory's file system refuses it.
    static func ifAsked(
        _ settings: StoreSettings,
        _ layout: StoreLayout,
        _ fileSystem: any FileSystem,
        _ isMemory: Bool,
        note: (String) -> Void
    ) throws(StorageError) -> DirectIO? {
        guard settings.directIO else { return nil }
        let direct = DirectIO()
        if !isMemory, try direct.works(below: layout.partials, fileSystem) { return direct }
        note(
            "the file system of '\(layout.root)' has no direct I/O; writing through the page cache"
        )
        return nil
    }

    /// Tries it, with a file that the next start would sweep away.
    private func works(
        below directory: FilePath,
        _ fileSystem: any FileSystem
    ) throws(StorageError) -> Bool {
        let path = directory.appending(".direct")
        try fileSystem.removeTree(path)
        let file = try attempt(.create, path) { () throws(Errno) in
            try OpenFile(
                path,
                .created(StoreLayout.fileMode),
                in: fileSystem,
                alsoDirect: true
            )
        }
        var works = false
        if let target = file.direct {
            works = withBuffer { buffer in
                let page = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Self.alignment])
                page.initializeMemory(as: UInt8.self, repeating: 0)
                let written = try? fileSystem.write(
                    target.descriptor,
                    UnsafeRawBufferPointer(page),
                    at: 0
                )
                return written == page.count
            }
        }
        try fileSystem.removeTree(path)
        return works
    }

    /// Lends an aligned buffer.
    private func withBuffer<R, Failure: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> R
    ) throws(Failure) -> R {
        let buffer = idle.withLock { $0.popLast() } ?? Buffer()
        defer { idle.withLock { $0.append(buffer) } }
        return try body(buffer.bytes)
    }

    /// Writes whole pages past the cache as far as that goes. Returns how many bytes it wrote; the
    /// rest is the caller's: the end of a file within a page, and what was refused.
    func write(
        _ bytes: UnsafeRawBufferPointer,
        at offset: Int,
        to target: OpenFile
    ) throws(Errno) -> Int {
        guard offset % Self.alignment == 0 else { return 0 }
        let whole = bytes.count - bytes.count % Self.alignment
        return try withBuffer { buffer throws(Errno) in
            var done = 0
            while done < whole {
                let count = min(buffer.count, whole - done)
                let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
                part.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[done..<done + count]))
                let written: Int
                do throws(Errno) {
                    written = try target.fileSystem.write(
                        target.descriptor,
                        UnsafeRawBufferPointer(part),
                        at: offset + done
                    )
                } catch {
                    switch error {
                    case .interrupted: continue
                    // Its own idea of alignment: the page cache takes anything.
                    case .invalidArgument: return done
                    default: throw error
                    }
                }
                done += written
                if written != count { return done }
            }
            return done
        }
    }
}

extension OpenFile {
    /// Writes all of `bytes`, past the page cache where this file is open for it.
    func store(
        _ bytes: UnsafeRawBufferPointer,
        at offset: Int,
        _ directIO: DirectIO?
    ) throws(Errno) {
        var done = 0
        if let direct, let directIO {
            done = try directIO.write(bytes, at: offset, to: direct)
        }
        guard done < bytes.count else { return }
        try write(all: UnsafeRawBufferPointer(rebasing: bytes[done...]), at: offset + done)
    }
}
