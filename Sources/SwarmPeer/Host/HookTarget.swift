/// What a hook or a probe is: a program of this host, or a URL. Only the host's own operator sets
/// it; nothing that a tracker or a peer says can name a program.
package enum HookTarget: Hashable, Sendable, CustomStringConvertible {
    /// The program and its arguments. No shell looks at them.
    case command([String])
    /// Asked over HTTP; an answer of 200 to 299 is a yes.
    case url(String)

    /// Of a URL, of a program with its arguments in one text, separated by spaces, or of the words
    /// one by one. Nil for nothing.
    package init?(_ texts: [String]) {
        guard let first = texts.first else { return nil }
        if texts.count == 1, first.hasPrefix("http://") || first.hasPrefix("https://") {
            self = .url(first)
            return
        }
        let words = texts.count == 1 ? first.split(separator: " ").map(String.init) : texts
        guard let program = words.first, !program.isEmpty else { return nil }
        self = .command(words)
    }

    package var description: String {
        switch self {
        case .command(let words): words.joined(separator: " ")
        case .url(let url): url
        }
    }
}

/// The hooks and the probe of a host.
package struct HookSettings: Hashable, Sendable {
    package var before: HookTarget?
    package var after: HookTarget?
    package var probe: HookTarget?
    /// A probe that takes longer is ended and counts as a no.
    package var probeTimeout: Duration = .seconds(10)

    package init() {}
}

/// What a hook is told of: in its environment, or as the JSON body of its request.
struct HookFacts: Hashable, Sendable, Encodable {
    /// `before`, `after` or `probe`.
    var event: String
    var model: String
    var version: String
    /// The version that is replaced; none is an empty text.
    var previous: String
    /// The files of `version`.
    var path: String

    var environment: [(name: String, value: String)] {
        [
            ("SHOAL_EVENT", event), ("SHOAL_MODEL", model), ("SHOAL_VERSION", version),
            ("SHOAL_PREVIOUS", previous), ("SHOAL_PATH", path),
        ]
    }
}
