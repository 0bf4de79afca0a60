internal import Glibc
package import SystemPackage

/// The operating system's file system.
package struct SystemFileSystem: FileSystem {
    package init() {}

    /// O_DIRECT, which Swift's Glibc does not have (asm-generic/fcntl.h, and that of ARM).
    #if arch(arm64)
        private static let pastCache: CInt = 0o200000
    #else
        private static let pastCache: CInt = 0o40000
    #endif

    package func open(_ path: FilePath, _ access: FileAccess) throws(Errno) -> FileDescriptor {
        let (flags, mode): (CInt, FilePermissions) =
            switch access {
            case .read: (O_RDONLY | O_NOFOLLOW, [])
            case .followed: (O_RDONLY, [])
            case .readWrite: (O_RDWR | O_NOFOLLOW, [])
            case .direct: (O_WRONLY | O_NOFOLLOW | Self.pastCache, [])
            case .created(let mode): (O_RDWR | O_NOFOLLOW | O_CREAT | O_EXCL, mode)
            case .readWriteOrCreated(let mode): (O_RDWR | O_NOFOLLOW | O_CREAT, mode)
            }
        let number = path.withPlatformString { Glibc.open($0, flags | O_CLOEXEC, mode.rawValue) }
        return FileDescriptor(rawValue: try checked(number))
    }

    package func close(_ file: FileDescriptor) throws(Errno) {
        try checked(Glibc.close(file.rawValue))
    }

    package func read(
        _ file: FileDescriptor,
        into buffer: UnsafeMutableRawBufferPointer,
        at offset: Int
    ) throws(Errno) -> Int {
        try checked(pread(file.rawValue, buffer.baseAddress, buffer.count, offset))
    }

    package func write(
        _ file: FileDescriptor,
        _ bytes: UnsafeRawBufferPointer,
        at offset: Int
    ) throws(Errno) -> Int {
        try checked(pwrite(file.rawValue, bytes.baseAddress, bytes.count, offset))
    }

    package func allocate(_ file: FileDescriptor, length: Int) throws(Errno) {
        // fallocate(2) itself is not in Swift's Glibc; this one calls it, and writes where it must.
        let result = posix_fallocate(file.rawValue, 0, length)
        if result != 0 { throw Errno(rawValue: result) }
    }

    package func truncate(_ file: FileDescriptor, length: Int) throws(Errno) {
        try checked(ftruncate(file.rawValue, length))
    }

    package func syncData(_ file: FileDescriptor) throws(Errno) {
        try checked(fdatasync(file.rawValue))
    }

    package func sync(_ file: FileDescriptor) throws(Errno) {
        try checked(fsync(file.rawValue))
    }

    package func syncDirectory(_ path: FilePath) throws(Errno) {
        let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC
        let number = try checked(path.withPlatformString { Glibc.open($0, flags) })
        defer { _ = Glibc.close(number) }
        try checked(fsync(number))
    }

    package func changeMode(_ path: FilePath, to mode: FilePermissions) throws(Errno) {
        try checked(path.withPlatformString { chmod($0, mode.rawValue) })
    }

    package func status(of file: FileDescriptor) throws(Errno) -> FileStatus {
        var status = stat()
        try checked(fstat(file.rawValue, &status))
        return FileStatus(status)
    }

    package func status(
        at path: FilePath,
        followingLinks: Bool
    ) throws(Errno) -> FileStatus? {
        var status = stat()
        let result = path.withPlatformString {
            followingLinks ? stat($0, &status) : lstat($0, &status)
        }
        if result == -1, errno == ENOENT || errno == ENOTDIR { return nil }
        try checked(result)
        return FileStatus(status)
    }

    package func list(_ path: FilePath) throws(Errno) -> [String] {
        guard let directory = path.withPlatformString({ opendir($0) }) else {
            throw Errno(rawValue: errno)
        }
        defer { closedir(directory) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(directory) else {
                if errno != 0 { throw Errno(rawValue: errno) }
                return names.sorted()
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
    }

    package func rename(_ path: FilePath, to target: FilePath) throws(Errno) {
        try checked(both(path, target, Glibc.rename))
    }

    package func link(_ path: FilePath, to target: FilePath) throws(Errno) {
        try checked(both(path, target, Glibc.link))
    }

    package func makeSymbolicLink(at path: FilePath, to text: String) throws(Errno) {
        try checked(path.withPlatformString { symlink(text, $0) })
    }

    package func symbolicLink(at path: FilePath) throws(Errno) -> String {
        var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = try checked(
            path.withPlatformString { readlink($0, &bytes, bytes.count) }
        )
        return String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    package func unlink(_ path: FilePath) throws(Errno) {
        try checked(path.withPlatformString { Glibc.unlink($0) })
    }

    package func makeDirectory(_ path: FilePath, mode: FilePermissions) throws(Errno) {
        try checked(path.withPlatformString { mkdir($0, mode.rawValue) })
    }

    package func removeDirectory(_ path: FilePath) throws(Errno) {
        try checked(path.withPlatformString { rmdir($0) })
    }

    package func reflink(_ file: FileDescriptor, to target: FileDescriptor) throws(Errno) {
        /// `_IOW(0x94, 9, int)`, which Swift does not import (linux/fs.h).
        let clone: UInt = 0x4004_9409
        try checked(ioctl(target.rawValue, clone, file.rawValue))
    }

    package func dropCache(_ file: FileDescriptor, _ bytes: Range<Int>) {
        _ = posix_fadvise(file.rawValue, bytes.lowerBound, bytes.count, POSIX_FADV_DONTNEED)
    }

    package func isMemory(at path: FilePath) -> Bool {
        // statfs(2) is not in Swift's Glibc. The mount table is no longer than a few pages.
        guard let device = try? status(at: path, followingLinks: true)?.device,
            let table = try? text(ofProcessFile: "/proc/self/mountinfo")
        else { return false }
        let kind = Self.fileSystemType(ofDevice: device, mountinfo: table)
        return kind == "tmpfs" || kind == "ramfs"
    }

    /// Files below /proc have no length. At most 1 MiB.
    private func text(ofProcessFile path: FilePath) throws(Errno) -> String {
        let file = try open(path, .read)
        defer { try? close(file) }
        var bytes: [UInt8] = []
        while bytes.count < 1 << 20 {
            var part = [UInt8](repeating: 0, count: 1 << 16)
            let count = part.withUnsafeMutableBytes {
                pread(file.rawValue, $0.baseAddress, $0.count, bytes.count)
            }
            if try checked(count) == 0 { break }
            bytes += part[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The type of a mounted device in the words of proc(5): `36 35 98:0 / /mnt rw - ext4 …`.
    package static func fileSystemType(ofDevice device: UInt64, mountinfo: String) -> Substring? {
        // As glibc's major() and minor() take a device number apart.
        let major = device >> 8 & 0xfff | device >> 32 & ~0xfff
        let minor = device & 0xff | device >> 12 & ~0xff
        for line in mountinfo.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count > 2, fields[2] == "\(major):\(minor)",
                let dash = fields.firstIndex(of: "-"), dash + 1 < fields.count
            else { continue }
            return fields[dash + 1]
        }
        return nil
    }

    package func lock(_ file: FileDescriptor) throws(Errno) -> Bool {
        let result = flock(file.rawValue, LOCK_EX | LOCK_NB)
        if result == -1, errno == EWOULDBLOCK { return false }
        try checked(result)
        return true
    }

    package func freeBytes(at path: FilePath) throws(Errno) -> Int {
        var status = statvfs()
        try checked(path.withPlatformString { statvfs($0, &status) })
        return Int(clamping: status.f_bavail.multipliedReportingOverflow(by: status.f_frsize).0)
    }

    @discardableResult
    private func checked<N: SignedInteger>(_ result: N) throws(Errno) -> N {
        if result == -1 { throw Errno(rawValue: errno) }
        return result
    }

    private func both(
        _ a: FilePath,
        _ b: FilePath,
        _ call: (UnsafePointer<CChar>, UnsafePointer<CChar>) -> CInt
    ) -> CInt {
        a.withPlatformString { first in b.withPlatformString { call(first, $0) } }
    }
}

extension FileStatus {
    fileprivate init(_ status: stat) {
        let kind: Kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .directory
            case S_IFLNK: .link
            default: .other
            }
        self.init(
            kind: kind,
            size: status.st_size,
            allocated: Int(status.st_blocks) * 512,
            mode: FilePermissions(rawValue: status.st_mode & 0o7777),
            inode: UInt64(status.st_ino),
            device: UInt64(status.st_dev),
            modified: Int64(status.st_mtim.tv_sec) &* 1_000_000_000
                &+ Int64(status.st_mtim.tv_nsec)
        )
    }
}
