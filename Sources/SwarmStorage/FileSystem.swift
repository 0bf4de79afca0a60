package import SystemPackage

/// What the store asks of the operating system, one method a system call: the seam where tests put
/// a disk that fails, fills up or loses power. Interrupted calls and short transfers come through
/// as they are; ``OpenFile`` repeats them.
package protocol FileSystem: Sendable {
    func open(_ path: FilePath, _ access: FileAccess) throws(Errno) -> FileDescriptor
    func close(_ file: FileDescriptor) throws(Errno)
    /// Bytes read, possibly fewer than asked; 0 at the end of the file.
    func read(
        _ file: FileDescriptor,
        into buffer: UnsafeMutableRawBufferPointer,
        at offset: Int
    ) throws(Errno) -> Int
    /// Bytes written, possibly fewer than given.
    func write(
        _ file: FileDescriptor,
        _ bytes: UnsafeRawBufferPointer,
        at offset: Int
    ) throws(Errno) -> Int
    /// Reserves blocks and makes the file at least `length` bytes long (fallocate). May
    /// throw `.notSupported` where the file system cannot.
    func allocate(_ file: FileDescriptor, length: Int) throws(Errno)
    func truncate(_ file: FileDescriptor, length: Int) throws(Errno)
    /// fdatasync: the bytes, and what is needed to read them back.
    func syncData(_ file: FileDescriptor) throws(Errno)
    func sync(_ file: FileDescriptor) throws(Errno)
    /// Makes the names in a directory durable.
    func syncDirectory(_ path: FilePath) throws(Errno)
    func changeMode(_ path: FilePath, to mode: FilePermissions) throws(Errno)
    func status(of file: FileDescriptor) throws(Errno) -> FileStatus
    /// Nil when there is nothing of that name.
    func status(at path: FilePath, followingLinks: Bool) throws(Errno) -> FileStatus?
    /// The names in a directory, sorted, without `.` and `..`.
    func list(_ path: FilePath) throws(Errno) -> [String]
    /// Replaces `target` where it exists: a file, or an empty directory by a directory.
    func rename(_ path: FilePath, to target: FilePath) throws(Errno)
    func link(_ path: FilePath, to target: FilePath) throws(Errno)
    /// Makes a symbolic link at `path` that says `text`.
    func makeSymbolicLink(at path: FilePath, to text: String) throws(Errno)
    /// What the symbolic link at `path` says.
    func symbolicLink(at path: FilePath) throws(Errno) -> String
    func unlink(_ path: FilePath) throws(Errno)
    func makeDirectory(_ path: FilePath, mode: FilePermissions) throws(Errno)
    func removeDirectory(_ path: FilePath) throws(Errno)
    /// Makes `target` share the blocks of `file` (FICLONE); throws where that cannot be.
    func reflink(_ file: FileDescriptor, to target: FileDescriptor) throws(Errno)
    /// Asks that the next read of these bytes comes from media (POSIX_FADV_DONTNEED). Advice: it
    /// never fails.
    func dropCache(_ file: FileDescriptor, _ bytes: Range<Int>)
    /// Whether files below the path are kept in memory alone (tmpfs, ramfs): there is no medium
    /// that could differ from the page cache.
    func isMemory(at path: FilePath) -> Bool
    /// An exclusive flock; false when another open file has it. Ends with the descriptor.
    func lock(_ file: FileDescriptor) throws(Errno) -> Bool
    /// Bytes that this user may still write to the file system of `path` (statvfs).
    func freeBytes(at path: FilePath) throws(Errno) -> Int
}

/// How a file is opened. All but `followed` refuse a symbolic link as the last component.
package enum FileAccess: Hashable, Sendable {
    case read
    /// Reading, through links: for directories that people arranged.
    case followed
    case readWrite
    /// Writing past the page cache (O_DIRECT): offset, length and address of each write are
    /// multiples of ``DirectIO/alignment``.
    case direct
    /// Reading and writing a file that must not exist yet.
    case created(FilePermissions)
    /// Reading and writing a file that is made when it does not exist.
    case readWriteOrCreated(FilePermissions)
}

/// What `stat` says, as far as the store asks.
package struct FileStatus: Hashable, Sendable {
    package enum Kind: Hashable, Sendable { case file, directory, link, other }
    package var kind: Kind
    /// Bytes.
    package var size: Int
    /// Bytes of disk space that it occupies.
    package var allocated: Int
    package var mode: FilePermissions
    package var inode: UInt64
    package var device: UInt64
    /// Time of the last change of content, in nanoseconds since 1970.
    package var modified: Int64

    package init(
        kind: Kind,
        size: Int,
        allocated: Int,
        mode: FilePermissions,
        inode: UInt64,
        device: UInt64,
        modified: Int64
    ) {
        self.kind = kind
        self.size = size
        self.allocated = allocated
        self.mode = mode
        self.inode = inode
        self.device = device
        self.modified = modified
    }
}

extension FileSystem where Self == SystemFileSystem {
    package static var system: SystemFileSystem { SystemFileSystem() }
}
