import Foundation
import Glibc
import SwarmModel
import SystemPackage
import Testing

@testable import SwarmPeer

/// Hooks as real programs.
@Suite("Hooks that are programs")
struct HookProcessTests {
    private static let facts = HookFacts(
        event: "after",
        model: "acme/llama",
        version: "2",
        previous: "1",
        path: "/data/models/acme/llama/2"
    )

    private func shell(_ script: String, note: FilePath? = nil) -> HookProcess {
        HookProcess(words: ["/bin/sh", "-c", script], facts: Self.facts, note: note)
    }

    private func exists(_ pid: pid_t) -> Bool { kill(pid, 0) == 0 }

    @Test("a hook is told what it needs, and what it says is kept")
    func environment() async {
        let script = "echo $SHOAL_EVENT $SHOAL_MODEL $SHOAL_VERSION $SHOAL_PREVIOUS $SHOAL_PATH"
        let outcome = await shell(script).run(limit: nil, end: Bell())
        #expect(outcome.failure == nil)
        #expect(outcome.output == "after acme/llama 2 1 /data/models/acme/llama/2\n")
    }

    @Test("no shell looks at the arguments")
    func noShell() async {
        let words = ["/bin/echo", "$SHOAL_VERSION", "a b", "; exit 7"]
        let process = HookProcess(words: words, facts: Self.facts, note: nil)
        let outcome = await process.run(limit: nil, end: Bell())
        #expect(
            outcome == HookProcess.Outcome(failure: nil, output: "$SHOAL_VERSION a b ; exit 7\n")
        )
    }

    @Test("a hook that fails is named with its status and its last words")
    func failure() async {
        let outcome = await shell("echo no room >&2; exit 3").run(limit: nil, end: Bell())
        #expect(outcome.failure == "'/bin/sh' ended with status 3")
        #expect(outcome.failureWithOutput == "'/bin/sh' ended with status 3: no room")
        let missing = HookProcess(words: ["/no/such/program"], facts: Self.facts, note: nil)
        let second = await missing.run(limit: nil, end: Bell())
        #expect(second.failure?.contains("/no/such/program") == true)
    }

    @Test("a hook that floods is not held up, and the last 64 KiB are kept")
    func flood() async {
        let script = "head -c 4000000 /dev/zero | tr '\\0' x; printf END; exit 5"
        let outcome = await shell(script).run(limit: nil, end: Bell())
        #expect(outcome.failure == "'/bin/sh' ended with status 5")
        #expect(outcome.output.utf8.count == OutputTail.byteCountMax)
        #expect(outcome.output.hasSuffix("xxEND"))
    }

    @Test("a hook that hangs and does not listen is ended with everything that it started")
    func hanging() async throws {
        let script = "trap '' TERM; sleep 1000 & echo $$ $!; exec 1>&- 2>&-; while :; do wait; done"
        let outcome = await shell(script).run(limit: .milliseconds(500), end: Bell())
        #expect(outcome.failure?.contains("no end within") == true)
        let pids = outcome.output.split { $0 == " " || $0 == "\n" }.compactMap { pid_t($0) }
        try #require(pids.count == 2, "\(outcome)")
        // The second is not our child, so that only its new parent can tell it off.
        #expect(!exists(pids[0]))
        await eventually { !exists(pids[1]) || !isRunning(pids[1]) }
    }

    /// Not a zombie.
    private func isRunning(_ pid: pid_t) -> Bool {
        guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else {
            return false
        }
        let text = String(decoding: data, as: UTF8.self)
        guard let end = text.lastIndex(of: ")") else { return false }
        return text[text.index(after: end)...].split(separator: " ").first != "Z"
    }

    @Test("a server that a hook starts lives on, and is not waited for")
    func background() async throws {
        let outcome = await shell("sleep 1000 & echo $!").run(limit: nil, end: Bell())
        #expect(outcome.failure == nil)
        let server = try #require(pid_t(outcome.output.dropLast()))
        #expect(isRunning(server))
        kill(server, SIGKILL)
    }

    @Test("a hook that is told to end does, and says so")
    func ended() async {
        let end = Bell()
        end.ring()
        let outcome = await shell("sleep 1000").run(limit: nil, end: end)
        #expect(outcome.failure == "it was ended")
    }

    @Test("the hook of a peer that was killed is ended by the next one, and nobody else is")
    func leftover() async throws {
        let note = FilePath(FileManager.default.temporaryDirectory.path)
            .appending("hook-\(UUID().uuidString)")
        let outcome = await withTaskGroup(of: HookProcess.Outcome?.self) { group in
            group.addTask { await shell("sleep 1000", note: note).run(limit: nil, end: Bell()) }
            group.addTask {
                await eventually {
                    FileManager.default.contents(atPath: note.string)?.isEmpty == false
                }
                await HookNote.endLeftover(note)
                return nil
            }
            var result: HookProcess.Outcome?
            while let next = await group.next() { result = next ?? result }
            return result
        }
        #expect(outcome?.failure?.contains("signal") == true, "\(outcome as Any)")
        #expect(FileManager.default.contents(atPath: note.string) == nil)

        // The number of another process: its moment of beginning differs.
        try Data("\(getpid()) 1\n".utf8).write(to: URL(fileURLWithPath: note.string))
        await HookNote.endLeftover(note)
        try Data("rubbish".utf8).write(to: URL(fileURLWithPath: note.string))
        await HookNote.endLeftover(note)
        #expect(FileManager.default.contents(atPath: note.string) == nil)
    }

    @Test("a bell wakes who waits, and one that rang before does not let them wait")
    func bell() async {
        let bell = Bell()
        bell.ring()
        bell.ring()
        await bell.wait()
        #expect(await bell.wait(for: .milliseconds(1)) == false)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await bell.wait() }
            group.addTask { bell.ring() }
        }
        #expect(await bell.wait(for: .milliseconds(1)) == false)
    }
}
