internal import CSwarmHash
internal import SwarmModel

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// A way to hash many inputs of equal length. All give the same digests; they differ in speed and
/// in the processors that have them.
package enum HashKernel: String, CaseIterable, Hashable, Sendable, CustomStringConvertible {
    /// Sixteen inputs side by side in AVX-512 registers.
    case avx512
    /// Four inputs interleaved on the SHA extensions, with the registers of AVX-512.
    case shaniWide = "shani-wide"
    /// Four inputs interleaved on the SHA extensions.
    case shani
    /// One after the other by libcrypto: always there, and the oracle of the others.
    case openssl

    package var description: String {
        switch self {
        case .avx512: "AVX-512, 16 lanes"
        case .shaniWide: "SHA-NI, 4 streams, wide registers"
        case .shani: "SHA-NI, 4 streams"
        case .openssl: "libcrypto"
        }
    }

    package var isAvailable: Bool {
        switch self {
        case .avx512: Self.hasAVX512
        case .shaniWide: Self.hasSHANI && Self.hasAVX512
        case .shani: Self.hasSHANI
        case .openssl: true
        }
    }

    /// The kernels that this processor has, libcrypto last.
    package static var available: [HashKernel] { allCases.filter(\.isAvailable) }

    private static let hasAVX512 = shoal_sha256_has_avx512()
    private static let hasSHANI = shoal_sha256_has_shani()
}

/// Which kernel a process uses, and whether it is the one that was asked for.
package struct HashKernelChoice: Hashable, Sendable {
    /// Environment variable that names a kernel: `avx512`, `shani-wide`, `shani` or `openssl`.
    package static let variable = "SHOAL_HASH"

    package let kernel: HashKernel
    /// What ``variable`` said; nil when it was not set or empty.
    package let requested: String?
    /// The named kernel is unknown or not on this processor, so libcrypto is used instead.
    package var isFallback: Bool { requested != nil && requested != kernel.rawValue }

    /// The one that `fastest` finds among `available`, unless `requested` names one.
    package init(
        requested: String?,
        available: [HashKernel],
        fastest: ([HashKernel]) -> HashKernel
    ) {
        let name = requested.flatMap { $0.isEmpty ? nil : $0 }
        self.requested = name
        if let name {
            kernel = available.first { $0.rawValue == name } ?? .openssl
        } else {
            kernel = fastest(available)
        }
    }

    /// The choice of this process, made at first use.
    package static let ofProcess = HashKernelChoice(
        requested: getenv(variable).map { String(cString: $0) },
        available: HashKernel.available,
        fastest: HashKernel.fastest(among:)
    )
}

/// Inputs of equal length at equal distances. `length` is a multiple of 64, which is what the
/// kernels take; the memory outlives the value's use.
struct EqualInputs {
    let base: UnsafeRawPointer
    /// Bytes from the start of one to the start of the next.
    let stride: Int
    let length: Int
    let count: Int
    /// Where what will be hashed next lies in the same way; it is fetched into the cache meanwhile
    /// and need not exist.
    let ahead: UnsafeRawPointer?

    init(
        base: UnsafeRawPointer,
        stride: Int,
        length: Int,
        count: Int,
        ahead: UnsafeRawPointer? = nil
    ) {
        precondition(length % 64 == 0 && count >= 0, "\(count) inputs of \(length) bytes")
        self.base = base
        self.stride = stride
        self.length = length
        self.count = count
        self.ahead = ahead
    }

    func start(of index: Int) -> UnsafeRawPointer { base + index * stride }

    func dropFirst(_ number: Int) -> EqualInputs {
        EqualInputs(
            base: start(of: number),
            stride: stride,
            length: length,
            count: count - number,
            ahead: ahead.map { $0 + number * stride }
        )
    }
}

extension HashKernel {
    /// From this many inputs on, a call for sixteen lanes is faster than SHA-NI although lanes
    /// idle, where AVX-512 is the faster of the two at all.
    private static let avx512CountMin = 13

    func hash(_ inputs: EqualInputs, into digests: UnsafeMutablePointer<Digest>) {
        precondition(isAvailable, "this processor has no \(self)")
        switch self {
        case .avx512:
            let done = Self.hashAVX512(inputs, into: digests)
            let rest: HashKernel = Self.hasSHANI ? .shaniWide : .openssl
            rest.hash(inputs.dropFirst(done), into: digests + done)
        case .shaniWide:
            shoal_sha256_shani_wide(
                inputs.base,
                inputs.stride,
                inputs.length,
                inputs.count,
                digests,
                inputs.ahead
            )
        case .shani:
            shoal_sha256_shani(
                inputs.base,
                inputs.stride,
                inputs.length,
                inputs.count,
                digests,
                inputs.ahead
            )
        case .openssl:
            guard inputs.count > 0 else { return }
            LibcryptoSHA256.hash(inputs, into: digests)
        }
    }

    /// Hashes what is worth a call for sixteen lanes; returns the number of inputs done.
    private static func hashAVX512(
        _ inputs: EqualInputs,
        into digests: UnsafeMutablePointer<Digest>
    ) -> Int {
        var done = 0
        while inputs.count - done >= avx512CountMin {
            let count = min(Int(SHOAL_SHA256_AVX512_LANES), inputs.count - done)
            shoal_sha256_avx512(
                inputs.start(of: done),
                inputs.stride,
                inputs.length,
                count,
                digests + done,
                inputs.ahead.map { $0 + done * inputs.stride }
            )
            done += count
        }
        return done
    }
}
