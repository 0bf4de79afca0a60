import NIOCore
import SwarmModel
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A file as one connection sends from it: a duplicate of the store's descriptor, because a handle
/// cannot be used by two event loops.
final class OpenFile {
    let owner: any AnyObject & Sendable
    let handle: NIOFileHandle
    /// Regions written to the channel and not yet sent.
    fileprivate(set) var regionCount = 0

    fileprivate init(owner: any AnyObject & Sendable, handle: NIOFileHandle) {
        self.owner = owner
        self.handle = handle
    }
}

/// The files that one connection is sending from. A file is open as long as a region of it is on
/// its way, so that a busy connection opens each once and an idle one holds none.
struct OpenFiles {
    enum Flaw: Error { case pastEnd(offset: Int, length: Int, fileLength: Int) }

    private let countMax: Int
    private var files: [OpenFile] = []

    init(countMax: Int) { self.countMax = countMax }

    var count: Int { files.count }

    /// The range as a region to send, or nil when it must be read instead: not a regular file, a
    /// file system without `sendfile`, or too many files. A region must be given back.
    mutating func region(
        of range: ServedRange,
        from source: any BlockSource,
        loop: LoopResources
    ) throws -> (FileRegion, OpenFile)? {
        let (descriptor, offset, owner) = try source.descriptor(for: range)
        return try withExtendedLifetime(owner) {
            guard let status = try? FileDescriptor(rawValue: descriptor).stat(),
                status.type == .regular
            else { return nil }
            // The kernel would send fewer bytes than the header promises.
            guard offset >= 0, offset + range.length <= Int(status.size) else {
                throw Flaw.pastEnd(
                    offset: offset,
                    length: range.length,
                    fileLength: Int(status.size)
                )
            }
            let device = UInt64(truncatingIfNeeded: status.deviceID.rawValue)
            guard loop.canSendfile(from: descriptor, offset: offset, device: device),
                let file = open(descriptor, owner: owner)
            else { return nil }
            file.regionCount += 1
            let region = FileRegion(
                fileHandle: file.handle,
                readerIndex: offset,
                endIndex: offset + range.length
            )
            return (region, file)
        }
    }

    mutating func giveBack(_ file: OpenFile) {
        file.regionCount -= 1
        guard file.regionCount == 0 else { return }
        files.removeAll { $0 === file }
        try? file.handle.close()
    }

    private mutating func open(
        _ descriptor: CInt,
        owner: any AnyObject & Sendable
    ) -> OpenFile? {
        if let file = files.first(where: { $0.owner === owner }) { return file }
        guard files.count < countMax else { return nil }
        let duplicate = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard duplicate >= 0 else { return nil }
        let handle = NIOFileHandle(_deprecatedTakingOwnershipOfDescriptor: duplicate)
        let file = OpenFile(owner: owner, handle: handle)
        files.append(file)
        return file
    }
}
