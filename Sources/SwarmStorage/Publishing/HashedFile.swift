internal import Glibc
package import SwarmModel

/// What a file's content hashes to (BEP 52).
package struct HashedFile: Hashable, Sendable {
    /// The Merkle root of the file's leaves; nil exactly when the file is empty.
    package let root: Digest?
    /// The hashes of the file's pieces when there are more than one, else nothing.
    package let layer: [Digest]

    package init(root: Digest?, layer: [Digest]) {
        self.root = root
        self.layer = layer
    }
}

/// Why hashing stopped.
package enum HashingFailure: Error, Hashable, Sendable {
    /// The file is not what the scan found, or changed while it was read.
    case changed(path: String)
    /// The system's error number.
    case unreadable(path: String, code: Int32)
    case cancelled
}

extension HashingFailure: CustomStringConvertible {
    package var description: String {
        switch self {
        case .changed(let path): "'\(path)' changed while it was hashed"
        case .unreadable(let path, let code):
            "'\(path)' cannot be read: \(String(cString: strerror(code)))"
        case .cancelled: "hashing was cancelled"
        }
    }

    /// What the publisher can do.
    package var remedy: String {
        switch self {
        case .changed: "publish when nothing writes there any more"
        case .unreadable(_, EACCES), .unreadable(_, EPERM): "make it readable with chmod"
        case .unreadable: "check the disk"
        case .cancelled: "run the command again"
        }
    }
}
