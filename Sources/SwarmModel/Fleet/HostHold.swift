/// A version that a host was told to hold whatever its channels want: fetched, verified and sealed,
/// and not activated. It stays until it is released.
package struct HostHold: Hashable, Sendable, Codable, Comparable {
    package var model: ModelName
    package var version: String
    package var infoHash: InfoHash

    package init(model: ModelName, version: String, infoHash: InfoHash) {
        self.model = model
        self.version = version
        self.infoHash = infoHash
    }

    package static func < (a: Self, b: Self) -> Bool {
        (a.model, a.version) < (b.model, b.version)
    }
}

/// The answer to a hold and to a release.
package struct HostHoldAnswer: Hashable, Sendable, Codable {
    package var host: HostView
    /// False when it was so already.
    package var changed: Bool

    package init(host: HostView, changed: Bool) {
        self.host = host
        self.changed = changed
    }
}
