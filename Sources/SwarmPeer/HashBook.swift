import SwarmHash
package import SwarmModel
import SwarmRuntime

/// The piece hashes of one version: from the metainfo, or proven one by one as they come from
/// peers.
package final class HashBook: Sendable {
    private struct State: Sendable {
        /// Whole layers by root.
        var layers: [Digest: [Digest]] = [:]
        var arriving: [Digest: PieceLayerAssembly] = [:]
        /// Inner nodes above a layer, made when a proof was first asked for.
        var trees: [Digest: PieceLayerTree] = [:]
    }

    private let info: VersionInfo
    private let state: Locked<State>

    package init(info: VersionInfo, layers: [PieceLayer]) {
        self.info = info
        var known = State()
        for layer in layers { known.layers[layer.root] = layer.hashes }
        for file in info.geometry.files where info.needsLayer(file) {
            guard let tree = Self.tree(of: file, info), known.layers[tree.root] == nil else {
                continue
            }
            known.arriving[tree.root] = PieceLayerAssembly(tree: tree)
        }
        state = Locked(known)
    }

    static func tree(of file: FileIndex, _ info: VersionInfo) -> FileTree? {
        info.entry(of: file).piecesRoot.map {
            FileTree(
                root: $0,
                length: info.geometry.length(of: file),
                pieceLength: info.geometry.pieceLength
            )
        }
    }

    /// The files whose layer must be fetched, with the requests for it.
    package var missingLayers: [MissingRequests] {
        state.withLock { state in
            info.geometry.files.compactMap { file in
                guard let root = info.entry(of: file).piecesRoot,
                    let assembly = state.arriving[root]
                else { return nil }
                return MissingRequests(file: file, requests: assembly.missing)
            }
        }
    }

    package struct MissingRequests: Sendable {
        package var file: FileIndex
        package var requests: [HashRange]
    }

    /// The hash that the blocks of a piece must make up; nil while its layer is unknown.
    package func hash(of piece: PieceIndex) -> Digest? {
        let file = info.geometry.file(of: piece)
        guard let root = info.entry(of: file).piecesRoot else { return nil }
        guard info.needsLayer(file) else { return root }
        let number = piece.number - info.geometry.pieceNumbers(of: file).lowerBound
        return state.withLock { $0.layers[root]?[number] }
    }

    /// All layers that are whole, sorted by root.
    package var layers: [PieceLayer] {
        state.withLock { state in
            state.layers.map { PieceLayer(root: $0, hashes: $1) }.sorted { $0.root < $1.root }
        }
    }

    // MARK: Arriving hashes

    /// Whether the layer under the root is still being fetched.
    func isArriving(_ root: Digest) -> Bool { state.withLock { $0.arriving[root] != nil } }

    enum Acceptance: Sendable {
        case refuted
        case accepted
        /// The layer under this root is whole now.
        case completed(PieceLayer)
    }

    /// Takes part of a piece layer from a peer. All files with the root profit.
    func accept(_ range: HashRange, _ hashes: [Digest]) -> Acceptance {
        state.withLock { state in
            guard let outcome = state.arriving[range.root]?.accept(range, hashes: hashes) else {
                return .accepted
            }
            switch outcome {
            case .wrong: return .refuted
            case .accepted, .duplicate, .notAsked: break
            }
            guard let layer = state.arriving[range.root]?.layer else { return .accepted }
            state.arriving[range.root] = nil
            state.layers[range.root] = layer.hashes
            return .completed(layer)
        }
    }

    /// The leaves of a piece from a peer's answer, proven against the piece's hash; nil when they
    /// do not.
    func leaves(of piece: PieceIndex, _ range: HashRange, _ hashes: [Digest]) -> [Digest]? {
        let file = info.geometry.file(of: piece)
        guard let tree = Self.tree(of: file, info), let expected = hash(of: piece),
            tree.verify(range, hashes: hashes, anchor: .known(expected))
        else { return nil }
        return Array(hashes.prefix(info.geometry.blockCount(of: piece)))
    }

    // MARK: Asked for hashes

    /// The answer to a peer's hash request; nil to reject it. `leaves` reads leaf hashes of a file.
    func answer(
        _ range: HashRange,
        leaves: (FileIndex, Range<Int>) throws -> [Digest]
    ) rethrows -> [Digest]? {
        let file = info.geometry.files.first { info.entry(of: $0).piecesRoot == range.root }
        guard let file, let tree = Self.tree(of: file, info), tree.flaw(of: range) == nil else {
            return nil
        }
        guard tree.hasPieceLayer else {
            return try tree.answer(range, pieceLayer: []) { try leaves(file, $0) }
        }
        guard let upper = upperNodes(of: tree) else { return nil }
        return try tree.answer(range, from: upper) { try leaves(file, $0) }
    }

    private func upperNodes(of tree: FileTree) -> PieceLayerTree? {
        state.withLock { state in
            if let nodes = state.trees[tree.root] { return nodes }
            guard let layer = state.layers[tree.root] else { return nil }
            let nodes = PieceLayerTree(tree: tree, pieceLayer: layer)
            state.trees[tree.root] = nodes
            return nodes
        }
    }
}
