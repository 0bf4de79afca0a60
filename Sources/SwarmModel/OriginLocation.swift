/// Where a version's files lie, as a metainfo says it: below a URL, or below a path of an origin
/// that is known by name. It is a claim of whoever published; a peer reads only what its operator's
/// settings allow.
package enum OriginLocation: Hashable, Sendable, CustomStringConvertible {
    /// `http`, `https`, `s3` (`s3://BUCKET/PREFIX/`) or `file`; ends in a slash.
    case url(String)
    /// The path is empty or ends in a slash.
    case named(OriginID, path: String)

    package static let byteCountMax = 1024

    package enum Flaw: Error, Hashable, CustomStringConvertible {
        case length
        case character
        case scheme(String)
        /// `user:password@`: a metainfo is no place for secrets.
        case credentials
        /// A query may be a signature, and cannot be continued by a file's name.
        case query
        /// `..`, `.`, an empty component, or one that hides in percent signs.
        case component
        case host
        case name

        package var description: String {
            switch self {
            case .length: "it is empty or longer than \(byteCountMax) bytes"
            case .character: "it has a space, a control character or a backslash"
            case .scheme(let scheme):
                "'\(scheme.prefix(16))' is none of http, https, s3 and file"
            case .credentials:
                "it holds a user or password; put credentials into the origin's settings"
            case .query: "it has a query or fragment; name the directory alone"
            case .component: "its path has an empty component, '.', '..', or an encoded slash"
            case .host: "it names no host"
            case .name: "it is neither a URL nor ORIGIN or ORIGIN:PATH"
            }
        }
    }

    /// Parses a URL, `ORIGIN` or `ORIGIN:PATH`. A slash at the end is added, and counts.
    package init(_ text: String) throws(Flaw) {
        self = try Self.parse(text)
        guard description.utf8.count <= Self.byteCountMax else { throw .length }
    }

    private static func parse(_ text: String) throws(Flaw) -> OriginLocation {
        guard (1...byteCountMax).contains(text.utf8.count) else { throw .length }
        guard text.utf8.allSatisfy({ $0 > 32 && $0 != 127 && $0 != UInt8(ascii: "\\") }) else {
            throw .character
        }
        if let found = text.firstRange(of: "://") {
            return .url(try url(text[..<found.lowerBound], text[found.upperBound...]))
        }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let id = OriginID(parts[0]) else { throw .name }
        return .named(id, path: parts.count > 1 ? try path(parts[1]) : "")
    }

    private static func url(_ scheme: Substring, _ rest: Substring) throws(Flaw) -> String {
        let scheme = scheme.lowercased()
        guard ["http", "https", "s3", "file"].contains(scheme) else { throw .scheme(scheme) }
        if scheme != "s3", rest.contains(where: { $0 == "?" || $0 == "#" }) { throw .query }
        let host = rest.prefix { $0 != "/" }
        guard !host.contains("@") else { throw .credentials }
        guard host.isEmpty == (scheme == "file"), host != ".", host != ".." else { throw .host }
        let tail = rest.dropFirst(host.count)
        return "\(scheme)://\(host.lowercased())/" + (try path(tail.dropFirst()))
    }

    /// Checks that no file's path below this one can leave it.
    private static func path(_ text: Substring) throws(Flaw) -> String {
        let lower = text.lowercased()
        guard !["%2e", "%2f", "%5c", "%00"].contains(where: { lower.contains($0) }) else {
            throw .component
        }
        let trimmed = text.hasSuffix("/") ? text.dropLast() : text
        if trimmed.isEmpty {
            if text.isEmpty { return "" }
            throw .component
        }
        for part in trimmed.split(separator: "/", omittingEmptySubsequences: false)
        where part.isEmpty || part == "." || part == ".." { throw .component }
        return trimmed + "/"
    }

    package var description: String {
        switch self {
        case .url(let url): url
        case .named(let id, ""): id.text
        case .named(let id, let path): "\(id):\(path)"
        }
    }

    /// What is left of the location below `base`, when it lies there; `base` ends in a slash.
    package func path(below base: String) -> String? {
        guard case .url(let url) = self, url.hasPrefix(base) else { return nil }
        return String(url.dropFirst(base.count))
    }
}
