internal import Glibc
internal import SystemPackage

extension DirectoryWalk {
    /// Follows a symbolic link when it leads to a regular file inside the scanned directory: its
    /// content is published under the link's name. Anything else could publish what the publisher
    /// never looked at, so it is refused.
    mutating func visitLink(
        _ name: String,
        of directory: borrowing ScopedDescriptor,
        at path: [String]
    ) {
        let shown = path.joined(separator: "/")
        let target = Self.linkTarget(name, of: directory)
        do throws(Errno) {
            let resolved = try Self.realPath(Self.join(root, shown))
            guard isInside(resolved) else { return report(.linkOutside(target: target), at: shown) }
            let file = try ScopedDescriptor(opening: resolved)
            let status = try file.status()
            if status.isDirectory { return report(.linkToDirectory(target: target), at: shown) }
            guard status.isRegular else {
                return report(.linkToSpecial(target: target, name: status.specialName), at: shown)
            }
            add(file, status, at: path, filePath: resolved)
        } catch {
            report(Self.linkProblem(error, target), at: shown)
        }
    }

    private static func linkProblem(_ error: Errno, _ target: String) -> ScanProblem.Kind {
        switch error {
        case .noSuchFileOrDirectory, .notDirectory: .linkDangling(target: target)
        case .tooManySymbolicLinkLevels: .linkLoop(target: target)
        // Opening a socket gives ENXIO.
        case .noSuchAddressOrDevice: .linkToSpecial(target: target, name: "socket")
        default: .unreadable(code: error.rawValue)
        }
    }

    /// Compared by bytes: Swift's own prefix test would take canonically equal paths for the same.
    private func isInside(_ resolved: String) -> Bool {
        let prefix = root == "/" ? "/" : root + "/"
        return resolved.utf8.starts(with: prefix.utf8) || resolved.utf8.elementsEqual(root.utf8)
    }

    /// What the link says, for messages only.
    private static func linkTarget(
        _ name: String,
        of directory: borrowing ScopedDescriptor
    ) -> String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlinkat(directory.number, name, &buffer, buffer.count)
        guard count > 0 else { return "?" }
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
