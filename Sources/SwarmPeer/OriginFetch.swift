import NIOCore
import NIOPosix
import SwarmModel
import SwarmOrigin
import SwarmRuntime

/// Carries out one read: takes the origin's bytes, cuts them into blocks, and stores each by the
/// way of every block. Storing happens on a thread, and the next bytes are taken only then, so a
/// slow disk slows the origin down and no more than two blocks are in memory.
struct OriginFetch: Sendable {
    let order: OriginRead
    let source: any OriginSource
    let files: VersionFiles
    let threads: NIOThreadPool
    /// Told of each block, in order.
    let report: @Sendable (RawBlock, BlockOutcome) async -> Void

    /// Bytes stored at once; a multiple of the Merkle block.
    private static let blockLength = 256 << 10

    /// Nil when all came; `CancellationError` when nobody wants it any more.
    @concurrent
    func run() async throws -> OriginFault? {
        let geometry = files.info.geometry
        let request = OriginRequest(
            path: files.info.entry(of: order.file).path,
            bytes: order.bytes,
            length: geometry.length(of: order.file)
        )
        let blocks = geometry.blocks(
            of: order.file,
            order.bytes,
            lengthMax: Self.blockLength
        )
        let gathered = Locked(Gathering(blocks: blocks))
        do {
            try await source.read(request) { chunk in
                for (block, bytes) in gathered.withLock({ $0.take(chunk) }) {
                    try Task.checkCancellation()
                    let outcome = try await store(bytes, of: block)
                    await report(block, outcome)
                }
            }
            return nil
        } catch let error as OriginError {
            try Task.checkCancellation()
            return error.fault
        }
    }

    private func store(_ bytes: ByteBuffer, of block: RawBlock) async throws -> BlockOutcome {
        let (files, id) = (files, order.id)
        return try await threads.runIfActive {
            bytes.withUnsafeReadableBytes { files.store($0, of: block, from: id) }
        }
    }

    /// Bytes that came and are not a whole block yet.
    private struct Gathering: Sendable {
        var blocks: [RawBlock]
        var next = 0
        var pending = ByteBuffer()

        init(blocks: [RawBlock]) { self.blocks = blocks }

        /// The blocks that are whole with this chunk.
        mutating func take(_ chunk: ByteBuffer) -> [(RawBlock, ByteBuffer)] {
            pending.writeImmutableBuffer(chunk)
            var whole: [(RawBlock, ByteBuffer)] = []
            while next < blocks.count,
                let bytes = pending.readSlice(length: Int(blocks[next].length))
            {
                whole.append((blocks[next], bytes))
                next += 1
            }
            // A fresh buffer, so that the slices need not be copied away from it.
            if !whole.isEmpty {
                var rest = ByteBuffer()
                rest.writeBuffer(&pending)
                pending = rest
            }
            return whole
        }
    }
}
