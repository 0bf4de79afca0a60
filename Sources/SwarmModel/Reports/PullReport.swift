/// What `shoal pull --json` ends with. Field names are fixed by section 8 of the design.
package struct PullReport: Codable, Hashable, Sendable {
    package var name: String
    package var version: String
    package var infoHash: InfoHash
    /// Bytes of the version.
    package var bytes: Int
    package var seconds: Double
    /// Payload bytes received, by the domain that they came from.
    package var from: [Source]
    /// Payload bytes received more than once, or received and not kept.
    package var duplicateBytes: Int
    /// Bytes that were verified on this host before the pull began.
    package var resumedBytes: Int
    /// Where the files are.
    package var path: String
    /// What the bytes of ``from`` cost their senders, by the price file; nil until it is known.
    package var costUSD: Double?

    package struct Source: Codable, Hashable, Sendable {
        /// Locality of the sender, empty when it did not say.
        package var domain: String
        package var kind: Kind
        package var bytes: Int
        /// How near that domain is to the receiver.
        package var proximity: Proximity

        package typealias Kind = SourceKind

        package init(domain: String, kind: Kind, bytes: Int, proximity: Proximity) {
            self.domain = domain
            self.kind = kind
            self.bytes = bytes
            self.proximity = proximity
        }
    }

    package init(
        name: String,
        version: String,
        infoHash: InfoHash,
        bytes: Int,
        seconds: Double,
        from: [Source],
        duplicateBytes: Int,
        resumedBytes: Int,
        path: String
    ) {
        self.name = name
        self.version = version
        self.infoHash = infoHash
        self.bytes = bytes
        self.seconds = seconds
        self.from = from
        self.duplicateBytes = duplicateBytes
        self.resumedBytes = resumedBytes
        self.path = path
    }
}
