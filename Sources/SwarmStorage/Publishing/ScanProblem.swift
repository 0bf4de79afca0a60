internal import Glibc

/// One reason why a directory cannot be published as it is: the path, what is wrong with it, and
/// what to do about it.
package struct ScanProblem: Error, Hashable, Sendable {
    /// Path below the scanned directory, or the directory itself; bytes that are not UTF-8 are
    /// escaped.
    package let path: String
    package let kind: Kind

    package enum Kind: Hashable, Sendable {
        case missing
        case notDirectory
        /// The system's error number.
        case unreadable(code: Int32)
        case notUTF8
        /// A name that a `.torrent` file may not carry; the character at fault.
        case unsafeName(character: String)
        /// A name that Windows keeps for a device, such as `nul.txt`.
        case deviceName
        /// The limit in bytes.
        case nameTooLong(max: Int)
        /// The limit in bytes.
        case pathTooLong(max: Int)
        /// The limit in path components.
        case tooDeep(max: Int)
        case tooManyFiles(max: Int)
        /// `FIFO`, `socket`, `character device` or `block device`.
        case special(name: String)
        case linkOutside(target: String)
        case linkDangling(target: String)
        case linkLoop(target: String)
        case linkToDirectory(target: String)
        case linkToSpecial(target: String, name: String)
        /// Two names of one directory that many file systems hold to be the same.
        case sameName(other: String, difference: Difference)
        case changedWhileScanned
        case noFiles
    }

    /// In what two colliding names differ.
    package enum Difference: Hashable, Sendable {
        case letterCase
        case normalisation
    }

    package init(path: String, kind: Kind) {
        self.path = path
        self.kind = kind
    }
}

extension ScanProblem: CustomStringConvertible {
    package var description: String { "\(path): \(message); \(remedy)" }

    /// What is wrong, without the path.
    package var message: String {
        switch kind {
        case .missing: "does not exist"
        case .notDirectory: "is not a directory"
        case .unreadable(let code): "cannot be read: \(String(cString: strerror(code)))"
        case .notUTF8: "the name is not valid UTF-8"
        case .unsafeName(let character): "the name may not contain \(character)"
        case .deviceName: "the name is that of a device on Windows"
        case .nameTooLong(let max): "the name is longer than \(max) bytes"
        case .pathTooLong(let max): "the path is longer than \(max) bytes"
        case .tooDeep(let max): "lies deeper than \(max) path components"
        case .tooManyFiles(let max): "more than \(max) entries"
        case .special(let name): "is a \(name); only regular files can be published"
        case .linkOutside(let target): "is a link to '\(target)', outside of the directory"
        case .linkDangling(let target): "is a link to '\(target)', which does not exist"
        case .linkLoop(let target): "is a link to '\(target)', which leads back to itself"
        case .linkToDirectory(let target): "is a link to '\(target)', which is a directory"
        case .linkToSpecial(let target, let name): "is a link to '\(target)', a \(name)"
        case .sameName(let other, .letterCase): "differs from '\(other)' only in letter case"
        case .sameName(let other, .normalisation):
            "differs from '\(other)' only in Unicode normalisation"
                + " (bytes \(Self.bytes(of: path)) and \(Self.bytes(of: other)))"
        case .changedWhileScanned: "changed while the directory was scanned"
        case .noFiles: "holds no files"
        }
    }

    /// What the publisher can do.
    package var remedy: String {
        switch kind {
        case .missing: "check the path"
        case .notDirectory: "give the directory that holds the model's files"
        case .unreadable(EACCES), .unreadable(EPERM): "make it readable with chmod, or remove it"
        case .unreadable: "check the disk, or remove it"
        case .notUTF8, .unsafeName, .deviceName, .nameTooLong: "rename it"
        case .tooDeep, .pathTooLong: "move it up, or archive the subdirectory"
        case .tooManyFiles: "publish the parts as separate models, or archive small files"
        case .special: "remove it"
        case .linkOutside, .linkToDirectory, .linkToSpecial:
            "replace the link by its content, for example with cp -rL into a new directory"
        case .linkDangling, .linkLoop: "remove or repair the link"
        case .sameName: "rename one, since many file systems cannot hold both"
        case .changedWhileScanned: "publish when nothing writes there any more"
        case .noFiles: "check the path"
        }
    }

    private static func bytes(of path: String) -> String {
        path.utf8.reversed().prefix { $0 != UInt8(ascii: "/") }.reversed()
            .map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    }
}

/// A scan that found problems: all of them up to the limit, in the order of the walk, at
/// least one.
package struct ScanFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package let problems: [ScanProblem]
    /// The scan stopped early, so there may be more.
    package let isPartial: Bool

    package init(problems: [ScanProblem], isPartial: Bool) {
        precondition(!problems.isEmpty, "a failure without a problem")
        self.problems = problems
        self.isPartial = isPartial
    }

    package var description: String {
        let lines = problems.map { "\($0)" } + (isPartial ? ["… the scan stopped here"] : [])
        return lines.joined(separator: "\n")
    }
}
