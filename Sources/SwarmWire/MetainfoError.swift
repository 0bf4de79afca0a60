package import SwarmModel

/// Why a metainfo (a `.torrent` file) or an `info` dictionary is refused (BEP 52). Paths are those
/// of the file tree with components joined by `/`.
package enum MetainfoError: Error, Hashable, Sendable {
    case tooLong(bytes: Int, limit: Int)
    case bencode(BencodeError)
    case missing(key: String)
    case wrongType(key: String, expected: String)
    /// A text that is not valid UTF-8.
    case notText(key: String)

    // Version
    case newerVersion(Int)
    case olderVersion(Int)
    /// The key belongs to BitTorrent v1.
    case notVersion2Only(key: String)

    // Numbers
    case pieceLength(Int)
    case privateFlag(Int)
    case totalLength
    case pieceCount

    // File tree
    case unsafeName(PathFlaw)
    case unsafePath(String, PathFlaw)
    case noFiles
    case rootIsFile
    case emptyDirectory(String)
    /// A file with further entries beside its description.
    case fileWithEntries(String)
    case symbolicLink(String)
    case padFile(String)
    case tooManyFiles(limit: Int)
    /// Two siblings that are one name on a host that ignores case or Unicode normalisation.
    case nameCollision(String, String)
    case duplicatePath(String)
    /// A file whose path is also the directory of another.
    case fileIsDirectory(String)

    // Files
    case fileWithoutLength(String)
    case fileLength(String, Int)
    case fileWithoutRoot(String)
    case emptyFileWithRoot(String)
    case fileRoot(String, bytes: Int)
    case zeroRoot(String)
    case oneRootOfTwoLengths(String, String)

    // Piece layers
    case layerKey(bytes: Int)
    case unknownLayer(Digest)
    case layerLength(Digest, bytes: Int, expected: Int)
    case layerMismatch(Digest)

    // Around the info dictionary
    case trackerTooLong(bytes: Int, limit: Int)
    case tooManyTrackers(limit: Int)
    case tooManyOrigins(limit: Int)
    case textTooLong(key: String, bytes: Int, limit: Int)
    case reference(NameFlaw)
    /// `number` of `shoal part` is not `K/N`.
    case partNumber
}

extension MetainfoError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .tooLong(let bytes, let limit):
            "the metainfo has \(bytes) bytes; at most \(limit) are read"
        case .bencode(let error): "the metainfo is not canonical bencode: \(error)"
        case .missing(let key): "the metainfo lacks '\(key)'"
        case .wrongType(let key, let expected): "'\(key)' is not \(expected)"
        case .notText(let key): "'\(key)' is not valid UTF-8"
        case .newerVersion(let version):
            "made for a newer version of BitTorrent: 'meta version' is \(version); 2 is understood"
        case .olderVersion(let version): "'meta version' is \(version); only 2 is understood"
        case .notVersion2Only(let key):
            "has the BitTorrent v1 key '\(key)': only v2 torrents without a v1 part are accepted"
        case .pieceLength(let length):
            "a piece length of \(length) bytes; it must be a power of two from 16 KiB to 256 MiB"
        case .privateFlag(let number): "'private' is \(number); it must be 0 or 1"
        case .totalLength:
            "the files together are longer than \(PieceGeometry.totalLengthMax) bytes"
        case .pieceCount:
            "more than \(PieceGeometry.pieceCountMax) pieces: choose a larger piece length"
        default: treeDescription
        }
    }

    private var treeDescription: String {
        switch self {
        case .unsafeName(let flaw): "the version's directory name cannot be used: \(flaw)"
        case .unsafePath(let path, let flaw): "'\(path)' cannot be used as a path: \(flaw)"
        case .noFiles: "the file tree is empty"
        case .rootIsFile: "the root of the file tree is a file"
        case .emptyDirectory(let path): "'\(path)' is a directory without files"
        case .fileWithEntries(let path): "'\(path)' is a file and a directory"
        case .symbolicLink(let path): "'\(path)' is a symbolic link; links are not accepted"
        case .padFile(let path): "'\(path)' is a pad file, which v2 does not have"
        case .tooManyFiles(let limit): "more than \(limit) files"
        case .nameCollision(let a, let b):
            "'\(a)' and '\(b)' are one name where case or Unicode form is ignored"
        case .duplicatePath(let path): "'\(path)' is there twice"
        case .fileIsDirectory(let path): "'\(path)' is a file and the directory of another file"
        case .fileWithoutLength(let path): "'\(path)' has no length"
        case .fileLength(let path, let length): "'\(path)' has a length of \(length) bytes"
        case .fileWithoutRoot(let path): "'\(path)' is not empty and has no 'pieces root'"
        case .emptyFileWithRoot(let path): "'\(path)' is empty and has a 'pieces root'"
        case .fileRoot(let path, let bytes):
            "the 'pieces root' of '\(path)' has \(bytes) bytes instead of 32"
        case .zeroRoot(let path): "the 'pieces root' of '\(path)' is all zeros"
        case .oneRootOfTwoLengths(let a, let b):
            "'\(a)' and '\(b)' have the same 'pieces root' and different lengths"
        default: outerDescription
        }
    }

    private var outerDescription: String {
        switch self {
        case .layerKey(let bytes): "a key of 'piece layers' has \(bytes) bytes instead of 32"
        case .unknownLayer(let root):
            "'piece layers' has \(root.hex), which is the root of no file longer than a piece"
        case .layerLength(let root, let bytes, let expected):
            "the piece layer of \(root.hex) has \(bytes) bytes instead of \(expected)"
        case .layerMismatch(let root): "the piece layer of \(root.hex) does not hash to that root"
        case .trackerTooLong(let bytes, let limit):
            "a tracker URL of \(bytes) bytes; at most \(limit) are allowed"
        case .tooManyTrackers(let limit): "more than \(limit) trackers"
        case .tooManyOrigins(let limit): "more than \(limit) web seeds or origins"
        case .textTooLong(let key, let bytes, let limit):
            "'\(key)' has \(bytes) bytes; at most \(limit) are allowed"
        case .partNumber: "the number of 'shoal part' is not K/N with 1 ≤ K ≤ N ≤ 256"
        case .reference(let flaw): "'shoal name' and 'shoal version' cannot be used: \(flaw)"
        default: preconditionFailure("\(String(reflecting: self)) has no description")
        }
    }
}
