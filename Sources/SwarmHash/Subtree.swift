internal import SwarmModel

/// The nodes of a Merkle tree that follow from a run of nodes of one layer, up to the layer where
/// one is left or that was asked for. Only nodes before the end of the file are kept; those past it
/// are known without them.
struct Subtree: Sendable {
    /// Layer and index of the first node given.
    private let baseLayer: Int
    private let firstIndex: Int
    /// From the base layer upwards.
    private let layers: [[Digest]]

    /// `nodes` are those of layer `baseLayer` from `firstIndex` on, which is a multiple of
    /// 2^(`topLayer` - `baseLayer`); after them the file ends or the subtree does.
    init(nodes: [Digest], baseLayer: Int, firstIndex: Int, topLayer: Int) {
        var layers = [nodes]
        for layer in baseLayer..<topLayer {
            layers.append(MerkleTree.parents(of: layers[layers.count - 1], inLayer: layer))
        }
        self.baseLayer = baseLayer
        self.firstIndex = firstIndex
        self.layers = layers
    }

    /// A node of the subtree, or padding past its end.
    func node(layer: Int, index: Int) -> Digest {
        let nodes = layers[layer - baseLayer]
        let offset = index - (firstIndex >> (layer - baseLayer))
        return nodes.indices.contains(offset) ? nodes[offset] : MerkleTree.zeroRoot(height: layer)
    }
}
