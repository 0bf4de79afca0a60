/// The hashing that decoders and drivers need, as a value: pure targets name it, `SwarmHash` does
/// it.
package protocol MerkleHashing: Sendable {
    /// SHA-256 of `bytes`.
    func sha256(_ bytes: UnsafeRawBufferPointer) -> Digest

    /// The `pieces root` of a file whose piece layer is `layer` (BEP 52): the layer padded to the
    /// next power of two with the root of a piece of zero leaves. `layer` has at least two hashes.
    func root(ofPieceLayer layer: [Digest], pieceLength: Int) -> Digest
}
