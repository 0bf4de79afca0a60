internal import AsyncHTTPClient
package import SwarmModel

/// How far the parts of a version are, as the tracker says it.
package struct PartsReport: Hashable, Sendable, Codable {
    /// `ORG/MODEL`.
    package var name: ModelName
    package var version: String
    /// Set when the version is published; there are no parts any more then.
    package var infoHash: InfoHash?
    /// How many there must be; nil when the version is published.
    package var parts: Int?
    package var present: [Int]
    package var missing: [Int]
    /// Files that an index names and that no part has.
    package var missingFiles: [String]
    /// Whether a put changed anything; nil in the answer to a get.
    package var created: Bool?

    package init(_ reference: ModelReference, _ state: PartsState) {
        self.init(reference, infoHash: nil)
        parts = state.count
        present = state.present
        missing = state.missing
        missingFiles = state.missingFiles
    }

    package init(_ reference: ModelReference, infoHash: InfoHash?) {
        name = reference.name
        version = reference.version
        self.infoHash = infoHash
        (present, missing, missingFiles) = ([], [], [])
    }

    /// Nil when the version is published.
    package var state: PartsState? {
        parts.map { PartsState(count: $0, present: present, missingFiles: missingFiles) }
    }
}

extension CatalogClient {
    /// Publishes one part of a version. The same part again changes nothing; another one under its
    /// number is refused, or put in its place when `replacing`.
    package func put(
        _ part: PartNumber,
        of reference: ModelReference,
        _ torrent: [UInt8],
        replacing: Bool
    ) async throws -> PartsReport {
        try await put(
            torrent,
            to: "\(tracker.partsURL(of: reference))/\(part.number)\(replacing ? "?replace=1" : "")"
        )
    }

    /// What is missing of a version, or that nothing is.
    package func parts(of reference: ModelReference) async throws -> PartsReport {
        try await decoded(HTTPClientRequest(url: tracker.partsURL(of: reference)))
    }
}

extension TrackerAddress {
    func partsURL(of reference: ModelReference) -> String { url(of: reference) + "/parts" }
}
