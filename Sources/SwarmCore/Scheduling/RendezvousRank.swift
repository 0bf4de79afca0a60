package import SwarmModel

/// Weighted rendezvous hashing (Thaler and Ravishankar 1998; weights as in Schindelhauer and
/// Schomaker 2005): each member of a domain gets a cost for each piece, and the member with the
/// lowest cost imports the piece into the domain. The lowest of a domain is the lowest of one of
/// its sub-domains, so importers nest into one distribution tree for each piece, and each member is
/// importer in proportion to its weight.
///
/// Whole numbers only: every processor gets the same ranks.
package enum RendezvousRank {
    /// The finaliser of SplitMix64 (Stafford's variant 13): every output bit depends on every bit.
    package static func mix(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// A number for twenty bytes of peer id.
    package static func key(_ id: Bytes20) -> UInt64 {
        let (first, second, last) = id.words
        return mix(mix(mix(first) ^ second) ^ UInt64(last) ^ 0x9E37_79B9_7F4A_7C15)
    }

    /// A number for a piece of a swarm; `salt` is the swarm's.
    package static func key(piece: Int, salt: UInt64) -> UInt64 {
        mix(salt &+ UInt64(truncatingIfNeeded: piece) &* 0x9E37_79B9_7F4A_7C15)
    }

    /// The cost of one member for one piece, below 2⁵⁸: `-log2(u) / weight` for an even `u` in (0,
    /// 1) that the two keys decide, in units of 2⁻⁵². Its minimum over members falls on each with a
    /// probability in proportion to its weight.
    package static func cost(pieceKey: UInt64, memberKey: UInt64, weight: UInt32) -> UInt64 {
        let u = max(1, mix(pieceKey ^ memberKey))
        return (negativeLogarithm(u) << 20) / UInt64(max(1, weight))
    }

    /// `64 - log2(u)` in units of 2⁻³²; never increases with `u`.
    static func negativeLogarithm(_ u: UInt64) -> UInt64 {
        let lead = UInt64(u.leadingZeroBitCount)
        // The leading one is shifted out: what is left is the fraction of u = 2ⁿ (1 + fraction).
        let fraction = lead == 63 ? 0 : u << (lead + 1)
        let index = Int(fraction >> 56)
        let rest = fraction >> 24 & 0xFFFF_FFFF
        let low = logarithms[index]
        let logarithm = low + ((logarithms[index + 1] - low) * rest) >> 32
        return (lead + 1) << 32 - logarithm
    }

    /// log2(1 + i/256) in units of 2⁻³², for i from 0 to 256.
    static let logarithms: [UInt64] = (0...256).map {
        RendezvousRank.logarithm(ofOnePlus: $0)
    }

    /// Bit by bit: squaring a number doubles its logarithm, and where that passes 2 the bit is one.
    private static func logarithm(ofOnePlus step: Int) -> UInt64 {
        if step == 256 { return 1 << 32 }
        var x = UInt64(256 + step) << 54
        var result: UInt64 = 0
        for _ in 0..<32 {
            let square = x.multipliedFullWidth(by: x)
            // Fixed point with 62 fraction bits, so the product has 124 of them.
            x = square.high << 2 | square.low >> 62
            result <<= 1
            if x >> 63 == 1 {
                result |= 1
                x >>= 1
            }
        }
        return result
    }
}
