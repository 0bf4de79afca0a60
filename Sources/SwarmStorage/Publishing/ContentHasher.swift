internal import Dispatch
internal import Glibc
internal import SwarmHash
internal import SwarmModel
internal import Synchronization

/// Hashes files into roots and piece layers on several threads. Large files are cut into
/// piece-aligned chunks, so that one file keeps all threads busy. Memory is one buffer and the
/// leaves of one piece per thread, and 32 bytes per piece for the result, which does not depend on
/// the number of threads.
package struct ContentHasher: Sendable {
    /// Bytes that a thread reads at once: as many leaves as the widest kernel hashes, which stay in
    /// the second-level cache beside those that come next.
    package static let bufferLength = 256 << 10
    /// Bytes of a chunk, or one piece when that is longer. A chunk costs an open and a lock.
    static let chunkLengthGoal = 32 << 20

    package let pieceLength: Int
    package let threadCount: Int
    /// Called with a file's path and an offset before each read: a seam for tests.
    private let beforeRead: (@Sendable (String, Int) -> Void)?

    /// Without `threadCount`, one thread for each processor that is online.
    package init(
        pieceLength: Int,
        threadCount: Int? = nil,
        beforeRead: (@Sendable (String, Int) -> Void)? = nil
    ) {
        precondition(PieceLengthPolicy.isAllowed(pieceLength), "piece length \(pieceLength)")
        self.pieceLength = pieceLength
        self.threadCount = max(1, threadCount ?? sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        self.beforeRead = beforeRead
    }

    /// Reads every file once and holds it to the identity that the scan saw: before, while and
    /// after it is read. Blocks the calling thread, which takes part in the work.
    package func hash(
        _ files: [ScannedFile],
        progress: HashingProgress = HashingProgress()
    ) throws(HashingFailure) -> [HashedFile] {
        let chunks = HashingChunk.cut(files, pieceLength: pieceLength)
        let queue = HashingQueue(count: chunks.count)
        DispatchQueue.concurrentPerform(iterations: min(threadCount, max(1, chunks.count))) { _ in
            var worker = HashingWorker(
                pieceLength: pieceLength,
                progress: progress,
                beforeRead: beforeRead
            )
            while let next = queue.claim() {
                do throws(HashingFailure) {
                    let chunk = chunks[next]
                    queue.finish(next, try worker.hash(chunk, of: files[chunk.file]))
                } catch {
                    queue.fail(error, at: next)
                }
            }
        }
        let hashes = try queue.result()
        // A file replaced after its last chunk was read would be found by nobody else.
        for file in files { try HashingWorker.check(file) }
        return assemble(files, chunks, hashes)
    }

    private func assemble(
        _ files: [ScannedFile],
        _ chunks: [HashingChunk],
        _ hashes: [[Digest]]
    ) -> [HashedFile] {
        var layers = [[Digest]](repeating: [], count: files.count)
        for (chunk, part) in zip(chunks, hashes) { layers[chunk.file] += part }
        return layers.map { layer in
            if layer.count < 2 { return HashedFile(root: layer.first, layer: []) }
            return HashedFile(
                root: MerkleTree.root(ofPieceLayer: layer, pieceLength: pieceLength),
                layer: layer
            )
        }
    }
}

/// A piece-aligned run of bytes of one file, hashed by one thread.
struct HashingChunk {
    /// Index into the list of files.
    let file: Int
    let offset: Int
    let length: Int

    /// The chunks of all files, in order; none for empty ones.
    static func cut(_ files: [ScannedFile], pieceLength: Int) -> [HashingChunk] {
        let step = max(pieceLength, ContentHasher.chunkLengthGoal)
        return files.enumerated().flatMap { index, file in
            stride(from: 0, to: file.length, by: step).map { offset in
                HashingChunk(file: index, offset: offset, length: min(step, file.length - offset))
            }
        }
    }
}

/// The chunks that are still to be hashed and the results of those that are. After a failure no
/// further chunk is given out; of several failures the one of the earliest chunk counts.
private final class HashingQueue: Sendable {
    private struct State {
        var next = 0
        var results: [[Digest]]
        var failure: (chunk: Int, error: HashingFailure)?
    }
    private let count: Int
    private let state: Mutex<State>

    init(count: Int) {
        self.count = count
        state = Mutex(State(results: Array(repeating: [], count: count)))
    }

    /// The next chunk to hash; nil when there is none.
    func claim() -> Int? {
        state.withLock { state in
            guard state.next < count, state.failure == nil else { return nil }
            state.next += 1
            return state.next - 1
        }
    }

    func finish(_ chunk: Int, _ hashes: [Digest]) {
        state.withLock { $0.results[chunk] = hashes }
    }

    func fail(_ error: HashingFailure, at chunk: Int) {
        state.withLock { state in
            if let earlier = state.failure, earlier.chunk < chunk { return }
            state.failure = (chunk, error)
        }
    }

    func result() throws(HashingFailure) -> [[Digest]] {
        let (results, failure) = state.withLock { ($0.results, $0.failure) }
        if let failure { throw failure.error }
        return results
    }
}
