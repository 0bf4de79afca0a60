internal import SwarmModel

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension HashKernel {
    /// The fastest of some kernels, by trying them: about half a millisecond. libcrypto hashes one
    /// input at a time, so it is taken only where it is alone. For the rest no rule would do. A
    /// processor that executes AVX-512 in two halves (Zen 4) is faster with the SHA extensions, one
    /// that executes it at once (Zen 5) the other way round.
    ///
    /// The digests do not depend on the answer, so that a wrong one, on a busy machine, costs only
    /// speed.
    package static func fastest(among candidates: [HashKernel]) -> HashKernel {
        let kernels = candidates.filter { $0 != .openssl }
        guard kernels.count > 1 else { return kernels.first ?? .openssl }
        let input = [UInt8](repeating: 0x5a, count: trialInputs * trialLength)
        var digests = [Digest](repeating: .zero, count: trialInputs)
        var best = [Int](repeating: .max, count: kernels.count)
        input.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            let inputs = EqualInputs(
                base: base,
                stride: trialLength,
                length: trialLength,
                count: trialInputs
            )
            // In turn, so that a clock that is still rising favours none; the best of each, because
            // only disturbances make a run slower.
            for _ in 0..<trialRounds {
                for (index, kernel) in kernels.enumerated() {
                    let start = processorTime()
                    digests.withUnsafeMutableBufferPointer { digests in
                        digests.baseAddress.map { kernel.hash(inputs, into: $0) }
                    }
                    best[index] = min(best[index], processorTime() - start)
                }
            }
        }
        let fastest = best.indices.min { best[$0] < best[$1] }
        return fastest.map { kernels[$0] } ?? .openssl
    }

    /// Sixteen inputs fill the widest kernel, and 64 KiB are in the first cache or near it.
    private static let trialInputs = 16
    private static let trialLength = 4096
    private static let trialRounds = 10

    /// Nanoseconds that this thread has run: what others do to the machine does not count.
    private static func processorTime() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }
}
