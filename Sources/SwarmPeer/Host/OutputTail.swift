import Glibc
import SwarmRuntime
import SystemPackage

/// The end of what a program prints, through a pipe that is always emptied: a program that floods
/// it is never held up, and takes no memory beyond ``byteCountMax``.
final class OutputTail: Sendable {
    /// The last bytes that are kept.
    static let byteCountMax = 64 << 10

    private let kept = Locked<ArraySlice<UInt8>>([])
    private let readEnd: FileDescriptor
    /// For the program; whoever spawns it closes this.
    let writeEnd: FileDescriptor
    private let isOver = Locked(false)

    init() throws {
        (readEnd, writeEnd) = try FileDescriptor.pipe()
        for end in [readEnd, writeEnd] { _ = fcntl(end.rawValue, F_SETFD, FD_CLOEXEC) }
        _ = fcntl(readEnd.rawValue, F_SETFL, O_NONBLOCK)
    }

    deinit { try? readEnd.close() }

    var text: String {
        String(decoding: kept.withLock { $0.suffix(Self.byteCountMax) }, as: UTF8.self)
    }

    /// The program has ended. Children of it that live on may hold the pipe; nobody listens to
    /// them.
    func end() { isOver.withLock { $0 = true } }

    /// Empties the pipe until ``end()``.
    func run() async {
        while true {
            let wasOver = isOver.withLock { $0 }
            let isEmpty = drain()
            if wasOver { return }
            if isEmpty {
                try? await Task.sleep(for: .milliseconds(20))
            } else {
                await Task.yield()
            }
        }
    }

    /// Reads what is there, 1 MiB at most. False when there may be more.
    private func drain() -> Bool {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        for _ in 0..<16 {
            let count = buffer.withUnsafeMutableBytes {
                Glibc.read(readEnd.rawValue, $0.baseAddress, $0.count)
            }
            guard count > 0 else { return true }
            kept.withLock { kept in
                kept += buffer[..<count]
                // Not at each read: what goes makes what stays move up.
                if kept.count > 4 * Self.byteCountMax {
                    kept = Array(kept.suffix(Self.byteCountMax))[...]
                }
            }
        }
        return false
    }
}
