internal import Glibc
internal import SystemPackage

/// One regular file found below a directory that is to be published.
package struct ScannedFile: Hashable, Sendable {
    /// Path below the published directory, one component each.
    package let path: [String]
    /// The absolute path to open, with symbolic links resolved.
    package let filePath: String
    /// What the file was when it was found. Hashing holds the file to it.
    package let identity: Identity

    package init(path: [String], filePath: String, identity: Identity) {
        self.path = path
        self.filePath = filePath
        self.identity = identity
    }

    /// Bytes.
    package var length: Int { identity.length }
    package var joinedPath: String { path.joined(separator: "/") }

    /// The facts that tell whether a path still leads to the same, unchanged content: two equal
    /// identities mean that nobody wrote in between, as far as the file system says.
    package struct Identity: Hashable, Sendable {
        package let device: UInt64
        package let inode: UInt64
        package let modifiedSeconds: Int
        package let modifiedNanoseconds: Int
        /// Bytes.
        package let length: Int
        /// The owner may execute it: attribute `x` of the version (BEP 47), as libtorrent records
        /// it too.
        package let isExecutable: Bool

        init(_ status: stat) {
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
            modifiedSeconds = status.st_mtim.tv_sec
            modifiedNanoseconds = status.st_mtim.tv_nsec
            length = Int(status.st_size)
            isExecutable = status.st_mode & S_IXUSR != 0
        }
    }
}

/// An open file descriptor that closes itself. It never refers to anything else.
struct ScopedDescriptor: ~Copyable {
    let number: Int32

    /// Opens `path` for reading. `relativeTo` is an open directory for relative paths. The last
    /// component is never followed when it is a link, and a FIFO that slipped in does not block.
    init(
        opening path: String,
        relativeTo directory: Int32 = AT_FDCWD,
        flags: Int32 = 0
    ) throws(Errno) {
        let opened = openat(
            directory,
            path,
            O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags
        )
        guard opened >= 0 else { throw Errno(rawValue: errno) }
        number = opened
    }

    /// What the descriptor refers to.
    func status() throws(Errno) -> stat {
        var status = stat()
        guard fstat(number, &status) == 0 else { throw Errno(rawValue: errno) }
        return status
    }

    deinit { close(number) }
}

extension stat {
    var fileType: mode_t { st_mode & S_IFMT }
    var isRegular: Bool { fileType == S_IFREG }
    var isDirectory: Bool { fileType == S_IFDIR }
    var isLink: Bool { fileType == S_IFLNK }

    /// What a file that is neither regular, directory nor link is called.
    var specialName: String {
        switch fileType {
        case S_IFIFO: "FIFO"
        case S_IFSOCK: "socket"
        case S_IFCHR: "character device"
        case S_IFBLK: "block device"
        default: "file of an unknown kind"
        }
    }
}
