import Foundation
import Glibc
import SwarmRuntime
import Subprocess
import SystemPackage

/// One run of a program of the operator's, in a process group of its own: with a time limit, and
/// with its last output kept. The whole group is ended when it is told to end.
struct HookProcess: Sendable {
    struct Outcome: Hashable, Sendable {
        /// Why it counts as failed; nil for an exit status of 0.
        var failure: String?
        var output: String
    }

    /// Between SIGTERM and SIGKILL.
    static let grace = Duration.seconds(2)

    let words: [String]
    let facts: HookFacts
    /// Where the process is noted while it runs, for the case that this one is killed.
    let note: FilePath?

    /// Runs the program to its end, or until `end` has something, or the limit is over. It does not
    /// return before the program has ended.
    func run(limit: Duration?, end: Bell) async -> Outcome {
        let output: OutputTail
        do { output = try OutputTail() } catch {
            return Outcome(failure: "no pipe can be made: \(error)", output: "")
        }
        let failure = await withTaskGroup(of: String??.self) { group in
            group.addTask {
                await output.run()
                return .none
            }
            group.addTask {
                let failure = await supervised(output, limit: limit, end: end)
                output.end()
                return .some(failure)
            }
            var failure: String?
            while let next = await group.next() {
                if case .some(let found) = next { failure = found }
            }
            return failure
        }
        if let note { try? SystemFileRemoval.remove(note) }
        return Outcome(failure: failure, output: output.text)
    }

    private enum End: Hashable, Sendable {
        case ended(String?)
        case asked
        case late
    }

    private func supervised(_ output: OutputTail, limit: Duration?, end: Bell) async -> String? {
        let pid = Locked<pid_t>(0)
        return await withTaskGroup(of: End.self) { group in
            group.addTask { .ended(await spawned(output, pid)) }
            group.addTask {
                guard let limit else {
                    await end.wait()
                    return .asked
                }
                return await end.wait(for: limit) ? .asked : .late
            }
            let first = await group.next() ?? .asked
            // Cancelled, the run ends the process group and returns when its first one has ended.
            group.cancelAll()
            if case .ended(let failure) = first { return failure }
            _ = await group.next()
            // What of the group does not listen to SIGTERM.
            let pid = pid.withLock { $0 }
            if pid > 1 { kill(-pid, SIGKILL) }
            return first == .late ? "no end within \(limit ?? .zero)" : "it was ended"
        }
    }

    private func spawned(_ output: OutputTail, _ pid: Locked<pid_t>) async -> String? {
        var options = PlatformOptions()
        options.processGroupID = 0
        options.teardownSequence = [
            .send(
                signal: .terminate,
                toProcessGroup: true,
                allowedDurationToNextStep: Self.grace
            ),
            .send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: Self.grace),
        ]
        let changes = facts.environment.map { name, value in
            (Environment.Key(stringLiteral: name), value as String?)
        }
        do {
            let result = try await Subprocess.run(
                words[0].contains("/") ? .path(FilePath(words[0])) : .name(words[0]),
                arguments: Arguments(Array(words.dropFirst())),
                environment: .inherit.updating(Dictionary(uniqueKeysWithValues: changes)),
                platformOptions: options,
                input: .none,
                output: .fileDescriptor(output.writeEnd, closeAfterSpawningProcess: false),
                error: .fileDescriptor(output.writeEnd, closeAfterSpawningProcess: true)
            ) { execution in
                pid.withLock { $0 = execution.processIdentifier.value }
                if let note { HookNote.write(execution.processIdentifier.value, to: note) }
            }
            switch result.terminationStatus {
            case .exited(0): return nil
            case .exited(let status): return "'\(words[0])' ended with status \(status)"
            default: return "'\(words[0])' ended by \(result.terminationStatus)"
            }
        } catch {
            return "'\(words[0])' cannot be run: \(error)"
        }
    }
}

enum SystemFileRemoval {
    static func remove(_ path: FilePath) throws(Errno) {
        if path.withPlatformString({ unlink($0) }) == -1 { throw Errno(rawValue: errno) }
    }
}

/// Which process a hook is, kept in a file while it runs: a peer that is killed leaves its hook
/// behind, and the next one must not run a second beside it.
enum HookNote {
    /// The process and the moment at which it began, so that no other of the same number is meant.
    static func write(_ pid: pid_t, to path: FilePath) {
        guard let start = startTime(pid) else { return }
        try? Data("\(pid) \(start)\n".utf8).write(to: URL(fileURLWithPath: path.string))
    }

    /// Ends the process group of a hook of an earlier life, and returns when its first process is
    /// gone. Programs that it has started and left behind, such as a server, live on when the hook
    /// itself has ended: they are what it was for.
    static func endLeftover(_ path: FilePath) async {
        defer { try? SystemFileRemoval.remove(path) }
        guard let data = FileManager.default.contents(atPath: path.string) else { return }
        let words = String(decoding: data.prefix(64), as: UTF8.self)
            .split { $0 == " " || $0 == "\n" }
        guard words.count == 2, let pid = pid_t(words[0]), pid > 1 else { return }
        while startTime(pid) == words[1] {
            kill(-pid, SIGKILL)
            try? await Task.sleep(for: .milliseconds(20))
            if Task.isCancelled { return }
        }
    }

    /// Field 22 of /proc/PID/stat; nil when the process has ended.
    private static func startTime(_ pid: pid_t) -> Substring? {
        guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else {
            return nil
        }
        let text = String(decoding: data, as: UTF8.self)
        // The name, in parentheses, may have anything in it.
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
        return fields[19]
    }
}
