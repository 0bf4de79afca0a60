/// What can be said of a tracker's URL without a URL library.
package enum TrackerURL {
    package static func isHTTP(_ url: String) -> Bool {
        let scheme = url.utf8.prefix { $0 != UInt8(ascii: ":") }
        let name = String(decoding: scheme, as: UTF8.self).lowercased()
        guard name == "http" || name == "https" else { return false }
        let rest = url.utf8.dropFirst(scheme.count)
        return rest.starts(with: "://".utf8) && rest.count > 3
    }

    /// The URL with a query appended: a tracker's URL may have one of its own.
    package static func appending(query: String, to url: String) -> String {
        let separator = !url.utf8.contains(UInt8(ascii: "?")) ? "?" : url.hasSuffix("?") ? "" : "&"
        return url + separator + query
    }

    /// Where to scrape (BEP 48): the announce URL with `announce` at the start of its last path
    /// segment replaced. Nil when the tracker does not scrape.
    package static func scrape(announce url: String) -> String? {
        let path = url.prefix { $0 != "?" }
        guard let slash = path.lastIndex(of: "/") else { return nil }
        let segment = path.index(after: slash)
        guard url[segment...].hasPrefix("announce") else { return nil }
        let rest = url[segment...].dropFirst("announce".count)
        return String(url[..<segment]) + "scrape" + String(rest)
    }
}
