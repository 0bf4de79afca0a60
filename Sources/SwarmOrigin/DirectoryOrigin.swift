package import NIOCore
package import NIOPosix
internal import SwarmModel
internal import SystemPackage

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Files in a directory, such as a network mount. A file that changes between two reads is noticed
/// by its size, inode and time of change.
package struct DirectoryOrigin: OriginSource {
    /// What tells one state of a file from another.
    private struct Identity: Hashable, Sendable {
        var device: UInt64
        var inode: UInt64
        var length: Int
        var seconds: Int
        var nanoseconds: Int

        var text: String { "\(device) \(inode) \(length) \(seconds) \(nanoseconds)" }
    }

    private let directory: FilePath
    private let threads: NIOThreadPool
    private let seen: SeenTags

    /// Bytes read at once.
    private static let chunkLength = 1 << 20

    package init(directory: String, threads: NIOThreadPool) {
        self.directory = FilePath(directory)
        self.threads = threads
        seen = SeenTags()
    }

    package func read(
        _ request: OriginRequest,
        _ take: @escaping @Sendable (ByteBuffer) async throws -> Void
    ) async throws {
        let path = path(of: request.path)
        let descriptor = try await onThread { try Self.open(path, request.name) }
        do {
            try await read(request, from: descriptor, take)
        } catch {
            try? descriptor.close()
            throw error
        }
        try? descriptor.close()
    }

    private func read(
        _ request: OriginRequest,
        from descriptor: SystemPackage.FileDescriptor,
        _ take: @Sendable (ByteBuffer) async throws -> Void
    ) async throws {
        let identity = try Self.identity(descriptor, request.name)
        guard identity.length == request.length else {
            throw OriginError(.wrongLength(found: identity.length, published: request.length))
        }
        try seen.check(identity.text, of: request.name)
        var offset = request.bytes.lowerBound
        while offset < request.bytes.upperBound {
            let count = min(Self.chunkLength, request.bytes.upperBound - offset)
            let start = offset
            let chunk = try await onThread { try Self.read(descriptor, start, count) }
            guard chunk.readableBytes > 0 else {
                throw OriginError(
                    .cutShort(
                        received: offset - request.bytes.lowerBound,
                        of: request.bytes.count
                    )
                )
            }
            offset += chunk.readableBytes
            try await take(chunk)
        }
        let after = try Self.identity(descriptor, request.name)
        if after != identity { try seen.check(after.text, of: request.name) }
    }

    package func lengths(of paths: [[String]]) async throws -> [Int?] {
        let full = paths.map { path(of: $0) }
        return try await onThread {
            try full.map { path in
                do {
                    let descriptor = try Self.open(path, path.string)
                    defer { try? descriptor.close() }
                    return try Self.identity(descriptor, path.string).length
                } catch let error as OriginError {
                    if case .missing = error.fault { return nil }
                    throw error
                }
            }
        }
    }

    private func path(of components: [String]) -> FilePath {
        var path = directory
        for component in components { path.append(component) }
        return path
    }

    private func onThread<T: Sendable>(
        _ work: @escaping @Sendable () throws -> T
    ) async throws -> T {
        try await threads.runIfActive(work)
    }

    private static func open(
        _ path: FilePath,
        _ name: String
    ) throws -> SystemPackage.FileDescriptor {
        do {
            return try SystemPackage.FileDescriptor.open(path, .readOnly, options: [.closeOnExec])
        } catch Errno.noSuchFileOrDirectory, Errno.notDirectory {
            throw OriginError(.missing("file '\(name)'"))
        } catch Errno.permissionDenied {
            throw OriginError(.denied("file '\(name)'"))
        } catch {
            throw OriginError(.unreachable("'\(name)': \(error)"))
        }
    }

    private static func identity(
        _ descriptor: SystemPackage.FileDescriptor,
        _ name: String
    ) throws -> Identity {
        var status = stat()
        guard fstat(descriptor.rawValue, &status) == 0 else {
            throw OriginError(.unreachable("'\(name)': \(Errno(rawValue: errno))"))
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw OriginError(.missing("regular file '\(name)'"))
        }
        #if os(Linux)
            let time = status.st_mtim
        #else
            let time = status.st_mtimespec
        #endif
        return Identity(
            device: UInt64(truncatingIfNeeded: status.st_dev),
            inode: UInt64(truncatingIfNeeded: status.st_ino),
            length: Int(status.st_size),
            seconds: Int(time.tv_sec),
            nanoseconds: Int(time.tv_nsec)
        )
    }

    private static func read(
        _ descriptor: SystemPackage.FileDescriptor,
        _ offset: Int,
        _ count: Int
    ) throws -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: count)
        do {
            _ = try buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { space in
                try descriptor.read(
                    fromAbsoluteOffset: Int64(offset),
                    into: UnsafeMutableRawBufferPointer(rebasing: space[..<count])
                )
            }
        } catch {
            throw OriginError(.unreachable("a read failed: \(error)"))
        }
        return buffer
    }
}
