package import SwarmModel
package import SwarmRuntime

/// Where connections find the version's files: empty until the metainfo is known, because
/// connections of a magnet join are older than it. Until then no block is wanted and none can be
/// read.
package final class VersionGate: Sendable {
    private let current: Locked<VersionFiles?>

    package init(_ files: VersionFiles?) { current = Locked(files) }

    package var files: VersionFiles? { current.withLock { $0 } }
    func open(_ files: VersionFiles) { current.withLock { $0 = files } }
    /// Lets go of the files, whoever still has the gate.
    func close() { current.withLock { $0 = nil } }

    struct NoMetadata: Error {}
}

extension VersionGate: BlockSink, BlockSource {
    package func wants(_ block: RawBlock, from connection: ConnectionID) -> Bool {
        files?.wants(block, from: connection) ?? false
    }

    package func store(
        _ bytes: UnsafeRawBufferPointer,
        of block: RawBlock,
        from connection: ConnectionID
    ) -> BlockOutcome {
        files?.store(bytes, of: block, from: connection) ?? .discarded
    }

    package func read(
        _ range: ServedRange,
        into destination: UnsafeMutableRawBufferPointer
    ) throws {
        guard let files else { throw NoMetadata() }
        try files.read(range, into: destination)
    }

    package func descriptor(
        for range: ServedRange
    ) throws -> (descriptor: CInt, offset: Int, owner: any AnyObject & Sendable) {
        guard let files else { throw NoMetadata() }
        return try files.descriptor(for: range)
    }
}
