internal import COpenSSL
package import SwarmModel

/// SHA-256 of `bytes` by libcrypto: the way for single inputs of any length, and the oracle of the
/// kernels in tests.
package func sha256(_ bytes: UnsafeRawBufferPointer) -> Digest {
    var digest = Digest.zero
    let succeeded = withUnsafeMutableBytes(of: &digest) { output in
        EVP_Digest(
            bytes.baseAddress,
            bytes.count,
            output.baseAddress,
            nil,
            LibcryptoSHA256.algorithm,
            nil
        )
    }
    precondition(succeeded == 1, "libcrypto refused to hash \(bytes.count) bytes")
    return digest
}

/// SHA-256 of `bytes`.
package func sha256(_ bytes: [UInt8]) -> Digest {
    bytes.withUnsafeBytes { sha256($0) }
}

/// The hashing of this process as the value that decoders and drivers take.
package struct SystemHasher: MerkleHashing {
    package init() {}

    package func sha256(_ bytes: UnsafeRawBufferPointer) -> Digest { SwarmHash.sha256(bytes) }

    package func root(ofPieceLayer layer: [Digest], pieceLength: Int) -> Digest {
        MerkleTree.root(ofPieceLayer: layer, pieceLength: pieceLength)
    }
}

/// libcrypto's SHA-256 for many inputs: one context, and the algorithm looked up once, because the
/// lookup costs more than the hash of a Merkle node.
enum LibcryptoSHA256 {
    /// The fetched algorithm. It is never freed or changed; kept as an address because pointers may
    /// not be shared.
    private static let address: UInt = {
        guard let algorithm = EVP_MD_fetch(nil, "SHA256", nil) else {
            preconditionFailure("libcrypto offers no SHA-256: see its configuration (openssl.cnf)")
        }
        return UInt(bitPattern: algorithm)
    }()

    static var algorithm: OpaquePointer? { OpaquePointer(bitPattern: address) }

    static func hash(_ inputs: EqualInputs, into digests: UnsafeMutablePointer<Digest>) {
        guard let context = EVP_MD_CTX_new() else { preconditionFailure("out of memory") }
        defer { EVP_MD_CTX_free(context) }
        let algorithm = algorithm
        for index in 0..<inputs.count {
            let output = UnsafeMutableRawPointer(digests + index).assumingMemoryBound(
                to: UInt8.self
            )
            let succeeded =
                EVP_DigestInit_ex2(context, algorithm, nil) == 1
                && EVP_DigestUpdate(context, inputs.start(of: index), inputs.length) == 1
                && EVP_DigestFinal_ex(context, output, nil) == 1
            precondition(succeeded, "libcrypto refused to hash \(inputs.length) bytes")
        }
    }
}
