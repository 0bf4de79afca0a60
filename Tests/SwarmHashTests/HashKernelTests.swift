internal import SwarmHash
internal import SwarmModel
internal import Testing

@Suite("Hash kernels")
struct HashKernelTests {
    @Test(
        "every available kernel hashes leaves as libcrypto does",
        arguments: HashKernel.available,
        [
            0, 1, 55, 56, 63, 64, 65, 119, 120, 16383, 16384, 16385, 2 * 16384, 3 * 16384 + 1,
            4 * 16384, 5 * 16384, 6 * 16384 - 1, 7 * 16384, 9 * 16384, 10 * 16384, 15 * 16384,
            16 * 16384, 16 * 16384 + 1, 17 * 16384, 26 * 16384, 31 * 16384, 32 * 16384,
            33 * 16384 - 16383, 33 * 16384,
        ]
    )
    func leaves(kernel: HashKernel, length: Int) {
        // The odd start shows whether a kernel assumes an alignment.
        let bytes = randomBytes(length + 1, seed: UInt64(length))
        let digests = bytes.withUnsafeBytes { buffer in
            LeafHasher.leaves(of: UnsafeRawBufferPointer(rebasing: buffer[1...]), using: kernel)
        }
        let expected = stride(from: 1, to: bytes.count, by: 16384).map { start in
            oracleSHA256(Array(bytes[start..<min(start + 16384, bytes.count)]))
        }
        #expect(digests == expected)
    }

    @Test(
        "every available kernel hashes tree nodes as libcrypto does",
        arguments: HashKernel.available
    )
    func parents(kernel: HashKernel) {
        for count in 0...70 {
            let nodes = sampleLeaves(2 * count)
            let expected = (0..<count).map {
                oracleSHA256(nodes[2 * $0].bytes + nodes[2 * $0 + 1].bytes)
            }
            #expect(MerkleTree.parents(of: nodes, using: kernel) == expected)
        }
    }

    @Test(
        "what lies ahead is not read: it may be anywhere",
        arguments: HashKernel.available,
        [1, 4, 15, 16, 17, 35]
    )
    func ahead(kernel: HashKernel, count: Int) {
        let bytes = randomBytes(count * 16384 + 5, seed: UInt64(count))
        let expected = bytes.withUnsafeBytes { LeafHasher.leaves(of: $0, using: kernel) }
        for address in [0x1000, 0x7fff_ffff_f000, Int.min + 64, -64] {
            let ahead = UnsafeRawPointer(bitPattern: address)
            let digests = bytes.withUnsafeBytes {
                LeafHasher.leaves(of: $0, using: kernel, ahead: ahead)
            }
            #expect(digests == expected)
        }
    }

    @Test("a kernel writes the digests it was asked for and nothing beside them")
    func bounds() {
        let bytes = randomBytes(5 * 16384 + 7, seed: 5)
        let mark = oracleSHA256([7])
        for kernel in HashKernel.available {
            var digests = [Digest](repeating: mark, count: 8)
            digests.withUnsafeMutableBufferPointer { buffer in
                let middle = UnsafeMutableBufferPointer(rebasing: buffer[1..<7])
                bytes.withUnsafeBytes { LeafHasher.hashLeaves($0, into: middle, using: kernel) }
            }
            #expect(digests.first == mark && digests.last == mark)
            #expect(!digests[1..<7].contains(mark))
        }
    }

    @Test("every length near a block's edge, and every count of inputs, comes out as by libcrypto")
    func edges() {
        let all = randomBytes(34 * 16384, seed: 34)
        all.withUnsafeBytes { all in
            for kernel in HashKernel.available {
                for length in [0, 1, 63, 64, 65, 127, 128, 16320, 16383] {
                    for count in [0, 1, 2, 3, 4, 5, 7, 8, 12, 13, 15, 16, 17, 29, 32, 33] {
                        let bytes = UnsafeRawBufferPointer(
                            rebasing: all[..<(count * 16384 + length)]
                        )
                        let leaves = LeafHasher.leaves(of: bytes, using: kernel)
                        let oracle = LeafHasher.leaves(of: bytes, using: .openssl)
                        #expect(leaves == oracle, "\(kernel), \(count) leaves, \(length) bytes")
                    }
                }
            }
        }
    }

    @Test("libcrypto is always available and the last resort")
    func available() {
        #expect(HashKernel.available.last == .openssl)
        #expect(HashKernel.allCases == [.avx512, .shaniWide, .shani, .openssl])
    }

    // Which one says nothing: without optimisation ours are slower than libcrypto.
    @Test("the trial of speed picks a kernel that is there")
    func trial() {
        let fastest = HashKernel.fastest(among: HashKernel.available)
        #expect(HashKernel.available.contains(fastest))
        #expect(HashKernel.fastest(among: [.openssl]) == .openssl)
        #expect(HashKernel.fastest(among: []) == .openssl)
    }

    private func choice(_ requested: String?, _ available: [HashKernel]) -> HashKernelChoice {
        HashKernelChoice(requested: requested, available: available) { $0[0] }
    }

    @Test("without a request the fastest kernel is chosen")
    func unnamedChoice() {
        let all = HashKernel.allCases
        #expect(choice(nil, all).kernel == .avx512)
        #expect(choice(nil, [.shani, .openssl]).kernel == .shani)
        #expect(choice("", all).requested == nil)
        #expect(!choice(nil, all).isFallback)
    }

    @Test("a named kernel is chosen when it is there", arguments: HashKernel.allCases)
    func namedChoice(kernel: HashKernel) {
        let choice = choice(kernel.rawValue, HashKernel.allCases)
        #expect(choice.kernel == kernel)
        #expect(!choice.isFallback)
    }

    @Test("an unknown or missing kernel falls back to libcrypto and says so")
    func fallback() {
        for name in ["avx512", "AVX512", "neon"] {
            let choice = choice(name, [.shani, .openssl])
            #expect(choice.kernel == .openssl)
            #expect(choice.isFallback)
            #expect(choice.requested == name)
        }
    }
}
