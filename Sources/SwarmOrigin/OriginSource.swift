package import NIOCore
package import SwarmModel

/// Bytes asked of an origin: a range of one file.
package struct OriginRequest: Hashable, Sendable {
    /// Below the version's place at the origin.
    package var path: [String]
    package var bytes: Range<Int>
    /// Of the whole file, as published.
    package var length: Int

    package init(path: [String], bytes: Range<Int>, length: Int) {
        self.path = path
        self.bytes = bytes
        self.length = length
    }

    var name: String { path.joined(separator: "/") }
}

/// A fault of an origin as an error.
package struct OriginError: Error, Hashable, Sendable, CustomStringConvertible {
    package let fault: OriginFault

    package init(_ fault: OriginFault) { self.fault = fault }
    package var description: String { fault.description }
}

/// One version's place at one origin. It carries out single reads and decides nothing: no retry,
/// no back-off, no other origin; those are the core's.
package protocol OriginSource: Sendable {
    /// Hands on exactly the bytes asked for, in order and in pieces of any size.
    ///
    /// - Throws: ``OriginError``, `CancellationError`, or what `take` throws.
    func read(
        _ request: OriginRequest,
        _ take: @escaping @Sendable (ByteBuffer) async throws -> Void
    ) async throws
    /// The lengths of files, in the order of their paths; nil for one that is not there.
    ///
    /// - Throws: ``OriginError``.
    func lengths(of paths: [[String]]) async throws -> [Int?]
}

/// An origin that a peer may use for one version.
package struct OriginAccess: Sendable {
    package var facts: OriginFacts
    package var source: any OriginSource

    package init(facts: OriginFacts, source: any OriginSource) {
        self.facts = facts
        self.source = source
    }
}
