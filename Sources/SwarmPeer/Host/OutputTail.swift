import Glibc
import SwarmRuntime
import SystemPackage

/// The end of what a program prints, through a pipe that is always emptied: a program that floods
/// it is never held up, and takes no memory beyond ``byteCountMax``.
final class OutputTail: Sendable {
    /// The last bytes that are kept.
    static let byteCountMax = 64 << 10
    /// What the kernel holds between two looks: as much as anybody may ask for. The default of
    /// 64 KiB is full, and its writer waits, within microseconds.
    private static let pipeBytes: Int32 = 1 << 20
    /// `F_SETPIPE_SZ` of Linux, which Glibc's module lacks.
    private static let setPipeSize: Int32 = 1031
    /// How long an empty pipe is left alone: longer each time that it is found empty.
    private static let waits = Duration.milliseconds(1)...Duration.milliseconds(20)

    private let kept = Locked<ArraySlice<UInt8>>([])
    private let readEnd: FileDescriptor
    /// For the program; whoever spawns it closes this.
    let writeEnd: FileDescriptor
    private let isOver = Locked(false)

    init() throws {
        (readEnd, writeEnd) = try FileDescriptor.pipe()
        for end in [readEnd, writeEnd] { _ = fcntl(end.rawValue, F_SETFD, FD_CLOEXEC) }
        _ = fcntl(readEnd.rawValue, F_SETFL, O_NONBLOCK)
        // Refused to one who has many large pipes already; it is slower then.
        _ = fcntl(readEnd.rawValue, Self.setPipeSize, Self.pipeBytes)
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
        var wait = Self.waits.lowerBound
        while true {
            let wasOver = isOver.withLock { $0 }
            let drained = drain()
            if wasOver { return }
            if drained.hasGot { wait = Self.waits.lowerBound }
            if drained.isEmpty {
                try? await Task.sleep(for: wait)
                wait = min(wait * 2, Self.waits.upperBound)
            } else {
                await Task.yield()
            }
        }
    }

    /// Reads what is there, 1 MiB at most; there may be more when it was not left empty.
    private func drain() -> (hasGot: Bool, isEmpty: Bool) {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        for turn in 0..<16 {
            let count = buffer.withUnsafeMutableBytes {
                Glibc.read(readEnd.rawValue, $0.baseAddress, $0.count)
            }
            guard count > 0 else { return (turn > 0, true) }
            kept.withLock { kept in
                kept += buffer[..<count]
                // Not at each read: what goes makes what stays move up.
                if kept.count > 4 * Self.byteCountMax {
                    kept = Array(kept.suffix(Self.byteCountMax))[...]
                }
            }
        }
        return (true, false)
    }
}
