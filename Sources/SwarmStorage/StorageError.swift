package import SwarmModel
package import SystemPackage

/// Why the disk did not do as asked. The message names the file and what to do about it.
package struct StorageError: Error, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// Another process has the data directory.
        case locked
        /// No room: nothing that was verified is lost, and the call may be repeated when there is.
        case diskFull
        case readFailed
        case writeFailed
        /// A sync failed, so what was written since the last one may be gone (see ``lostPieces``).
        case syncFailed
        /// A file that is served in place is not the file that was published.
        case sourceChanged
        /// Another info-hash has the name, or the target directory holds something.
        case occupied
        /// A file needs a piece layer that nobody has supplied yet.
        case layerMissing
        /// A view was asked for before every file was sealed.
        case notSealed
        /// No such version here.
        case unknownVersion
        /// The version is open, so that it cannot be removed.
        case inUse
        /// A path of the metainfo leads out of its directory.
        case unsafePath
        /// Any other refusal of the operating system.
        case system
    }

    package var code: Code
    /// A sentence with the file and the remedy.
    package var message: String
    /// What the operating system said, when it did.
    package var cause: Errno?
    package var path: FilePath?
    /// Pieces that were written, are not verified any more, and have to be fetched again.
    /// Ascending.
    package var lostPieces: [PieceIndex]

    package init(
        _ code: Code,
        _ message: String,
        cause: Errno? = nil,
        path: FilePath? = nil,
        lostPieces: [PieceIndex] = []
    ) {
        self.code = code
        self.message = message
        self.cause = cause
        self.path = path
        self.lostPieces = lostPieces
    }

    package var description: String {
        guard let cause else { return message }
        return "\(message) (\(cause.description))"
    }
}

extension StorageError {
    /// What was being done when the operating system refused.
    enum Deed: String {
        case open, create, read, write, rename, link, list, remove, sync
        case setMode = "set the mode of"
        case inspect = "look at"
        case allocate = "reserve space for"
    }

    /// The error of a refused system call.
    static func refused(_ deed: Deed, _ path: FilePath, _ cause: Errno) -> StorageError {
        if cause == .noSpace || cause == .diskQuotaExceeded {
            return StorageError(
                .diskFull,
                "no space to \(deed.rawValue) '\(path)'; free some and try again",
                cause: cause,
                path: path
            )
        }
        let (code, remedy): (Code, String) =
            switch (deed, cause) {
            case (.sync, _):
                (.syncFailed, "what was written since the last sync may be lost; check the disk")
            case (_, .permissionDenied), (_, .notPermitted):
                (.system, "give this user the right to do so")
            case (_, .tooManyOpenFiles), (_, .tooManyOpenFilesInSystem):
                (.system, "raise the limit of open files (ulimit -n)")
            case (_, .readOnlyFileSystem): (.system, "the file system is mounted read-only")
            case (.read, _): (.readFailed, "check the disk")
            case (.write, _): (.writeFailed, "check the disk")
            default: (.system, "check the disk and the directory's owner and mode")
            }
        return StorageError(
            code,
            "cannot \(deed.rawValue) '\(path)'; \(remedy)",
            cause: cause,
            path: path
        )
    }
}

/// Runs a call of the file system and says, when it is refused, what it was for.
func attempt<R>(
    _ deed: StorageError.Deed,
    _ path: FilePath,
    _ body: () throws(Errno) -> R
) throws(StorageError) -> R {
    do { return try body() } catch { throw .refused(deed, path, error) }
}
