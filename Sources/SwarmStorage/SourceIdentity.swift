internal import SystemPackage

/// What must not change about a file that is served in place.
struct SourceIdentity: Hashable, Sendable {
    var size: Int
    var inode: UInt64
    var device: UInt64
    /// Nanoseconds since 1970.
    var modified: Int64

    init(_ status: FileStatus) {
        size = status.size
        inode = status.inode
        device = status.device
        modified = status.modified
    }

    func check(_ file: OpenFile, _ path: FilePath) throws(StorageError) {
        let now = try attempt(.inspect, path) { () throws(Errno) in try file.status() }
        guard SourceIdentity(now) == self else {
            throw StorageError(
                .sourceChanged,
                "'\(path)' was changed after it was published; put the old file back, or publish "
                    + "the directory as a new version",
                path: path
            )
        }
    }
}
