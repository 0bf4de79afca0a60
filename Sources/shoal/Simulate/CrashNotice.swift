import Foundation
import Synchronization

/// Says which seeds were running when the program traps, since a trap says nothing itself.
enum CrashNotice {
    /// The seeds begun last; as many as may run at once on a large machine.
    private static let slots = 64
    private static let last = Atomic<UInt64>(0)
    private static let oldest = Atomic<UInt64>(0)

    static func note(_ seed: UInt64) {
        oldest.store(last.load(ordering: .relaxed), ordering: .relaxed)
        last.store(seed, ordering: .relaxed)
    }

    static func install() {
        for number in [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGABRT] { signal(number, handler) }
    }

    /// Only calls that are safe in a signal handler (POSIX.1-2017, 2.4.3): no memory is taken.
    private static let handler: @convention(c) (Int32) -> Void = { _ in
        write("shoal: error: crashed while running seed ")
        write(last.load(ordering: .relaxed))
        write(" or one begun before it\n")
        _exit(ExitStatus.crashed.rawValue)
    }

    private static func write(_ text: StaticString) {
        _ = Foundation.write(2, text.utf8Start, text.utf8CodeUnitCount)
    }

    private static func write(_ number: UInt64) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var rest = number
            var start = digits.count
            repeat {
                start -= 1
                digits[start] = UInt8(48 + rest % 10)
                rest /= 10
            } while rest > 0
            _ = Foundation.write(2, digits.baseAddress! + start, digits.count - start)
        }
    }
}
