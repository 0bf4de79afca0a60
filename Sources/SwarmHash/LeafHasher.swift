package import SwarmModel

/// Hashes the 16 KiB leaves of a file's Merkle tree (BEP 52), many at once.
package enum LeafHasher {
    /// The kernel that this process uses.
    package static var kernel: HashKernel { HashKernelChoice.ofProcess.kernel }

    /// How many leaves `byteCount` bytes have.
    package static func leafCount(of byteCount: Int) -> Int {
        (byteCount + PieceGeometry.blockLength - 1) / PieceGeometry.blockLength
    }

    /// Writes the hash of each 16 KiB of `bytes` to `digests`, which has room for exactly that
    /// many. The last leaf may be short; it is hashed as it is, without padding (BEP 52).
    package static func hashLeaves(
        _ bytes: UnsafeRawBufferPointer,
        into digests: UnsafeMutableBufferPointer<Digest>
    ) {
        hashLeaves(bytes, into: digests, using: kernel)
    }

    /// As ``hashLeaves(_:into:)`` by a kernel of the caller's choice, which is available.
    package static func hashLeaves(
        _ bytes: UnsafeRawBufferPointer,
        into digests: UnsafeMutableBufferPointer<Digest>,
        using kernel: HashKernel,
        ahead: UnsafeRawPointer? = nil
    ) {
        precondition(
            digests.count == leafCount(of: bytes.count),
            "room for \(digests.count) leaves of \(bytes.count) bytes"
        )
        guard let source = bytes.baseAddress, let target = digests.baseAddress else { return }
        let leafLength = PieceGeometry.blockLength
        let wholeCount = bytes.count / leafLength
        kernel.hash(
            EqualInputs(
                base: source,
                stride: leafLength,
                length: leafLength,
                count: wholeCount,
                ahead: ahead
            ),
            into: target
        )
        if wholeCount < digests.count {
            digests[wholeCount] = sha256(
                UnsafeRawBufferPointer(rebasing: bytes[(wholeCount * leafLength)...])
            )
        }
    }

    /// The leaf hashes of `bytes`. What lies `ahead` and will be copied next is fetched into the
    /// cache meanwhile, as many bytes; nothing there is read, and it need not exist.
    package static func leaves(
        of bytes: UnsafeRawBufferPointer,
        using kernel: HashKernel = kernel,
        ahead: UnsafeRawPointer? = nil
    ) -> [Digest] {
        let count = leafCount(of: bytes.count)
        return Array(unsafeUninitializedCapacity: count) { buffer, initializedCount in
            // Digests are plain bytes, so writing them is initialising them.
            hashLeaves(
                bytes,
                into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]),
                using: kernel,
                ahead: ahead
            )
            initializedCount = count
        }
    }
}
