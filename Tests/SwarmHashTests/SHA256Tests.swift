internal import SwarmHash
internal import SwarmModel
internal import Testing

@Suite("SHA-256 and XXH3")
struct SHA256Tests {
    @Test("the examples of FIPS 180")
    func examples() {
        #expect(
            sha256([]).hex == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        )
        #expect(
            sha256(Array("abc".utf8)).hex
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        )
        #expect(
            sha256(Array("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8)).hex
                == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        )
    }

    @Test("inputs around the length of a block")
    func blockEdges() {
        for length in 0...200 {
            let bytes = randomBytes(length, seed: 1)
            #expect(sha256(bytes) == oracleSHA256(bytes))
        }
    }

    @Test("the hasher that decoders take is this one")
    func systemHasher() {
        let hasher: any MerkleHashing = SystemHasher()
        let bytes = randomBytes(100, seed: 2)
        #expect(bytes.withUnsafeBytes { hasher.sha256($0) } == oracleSHA256(bytes))
        let sample = SampleFile(leafCount: 11, blocksPerPiece: 4)
        let root = hasher.root(ofPieceLayer: sample.pieceLayer, pieceLength: 65536)
        #expect(root == sample.written.root)
    }

    /// Made with the xxhash module of Python (XXH 0.8.4) over the bytes of `patternedBytes`; the
    /// lengths are on both sides of where the algorithm changes its way.
    @Test(
        "XXH3 agrees with its other implementation",
        arguments: [
            (0, 0x2d06_8005_38d3_94c2), (1, 0xc44b_dff4_074e_ecdb), (16, 0x8355_e3a6_f617_70db),
            (17, 0x9ef3_41a9_9de3_7328), (128, 0x85c6_174c_7ff4_c46b),
            (129, 0xec76_42b4_31ba_3e5a), (240, 0x375a_384d_957f_e865),
            (241, 0x02e8_cd95_421c_6d02), (1024, 0xfd02_5ac6_da17_f84b),
            (65536, 0x0240_7e2f_ee62_a250),
        ] as [(Int, UInt64)]
    )
    func xxh3(length: Int, expected: UInt64) {
        #expect(patternedBytes(length).withUnsafeBytes { xxh3_64($0) } == expected)
    }
}
