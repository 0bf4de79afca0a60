import Foundation
import Subprocess
import SystemPackage

/// A program that the laboratory keeps running, watches, and ends.
package struct ProcessPlan: Sendable {
    /// By what it is found again, such as "peer:h3".
    package var key: String
    /// What people call it, such as "peer aws/us-east-1/rack1/2".
    package var label: String
    package var command: [String]
    package var namespace: String?
    package var environment: [String: String]
    /// Where its standard output and error go, one after the other.
    package var log: String
    /// Whether it is no failure when it ends by itself.
    package var mayEnd = false

    package init(
        key: String,
        label: String,
        command: [String],
        namespace: String?,
        environment: [String: String] = [:],
        log: String
    ) {
        self.key = key
        self.label = label
        self.command = command
        self.namespace = namespace
        self.environment = environment
        self.log = log
    }
}

/// The processes of a run, by key: those that run, and how the others ended.
package actor ProcessTable {
    package enum State: Hashable, Sendable {
        case running(pid: Int32)
        /// Ended by itself, or not as it was told.
        case failed(String)
        /// Ended because the laboratory ended it.
        case ended
    }

    private var states: [String: State] = [:]
    private var expected: Set<String> = []
    private var failures: [String] = []

    package init() {}

    package func state(_ key: String) -> State? { states[key] }

    package func isRunning(_ key: String) -> Bool {
        if case .running = states[key] { return true }
        return false
    }

    /// Sends a signal; `ends` says that the process is meant to end by it.
    package func signal(_ key: String, _ number: Int32, ends: Bool) throws {
        guard case .running(let pid) = states[key] else {
            throw TestnetError("'\(key)' is not running")
        }
        if ends { expected.insert(key) }
        kill(pid, number)
    }

    /// What ended without having been told to, since the last call.
    package func takeFailures() -> [String] {
        defer { failures = [] }
        return failures
    }

    fileprivate func began(_ plan: ProcessPlan, _ pid: Int32) {
        expected.remove(plan.key)
        states[plan.key] = .running(pid: pid)
    }

    fileprivate func ended(_ plan: ProcessPlan, _ how: String) {
        guard !expected.contains(plan.key), !isClosing, !plan.mayEnd else {
            states[plan.key] = .ended
            return
        }
        states[plan.key] = .failed(how)
        failures.append("\(plan.label) ended by itself: \(how)\n\(Self.tail(plan.log))")
    }

    private var isClosing = false
    /// From now on it is no failure when a process ends.
    package func close() { isClosing = true }

    /// The last lines of a log, indented.
    package static func tail(_ path: String, lines count: Int = 12) -> String {
        guard let file = FileHandle(forReadingAtPath: path) else { return "" }
        defer { try? file.close() }
        let size = (try? file.seekToEnd()) ?? 0
        try? file.seek(toOffset: size > 8192 ? size - 8192 : 0)
        let text = String(decoding: (try? file.readToEnd()) ?? Data(), as: UTF8.self)
        return text.split(separator: "\n").suffix(count).map { "    \($0)" }
            .joined(separator: "\n")
    }
}

extension ProcessPlan {
    /// Runs the program to its end. Cancelled, it sends SIGTERM, and SIGKILL two seconds later.
    package func run(in table: ProcessTable) async {
        let command = Shell.inNamespace(namespace, command)
        var options = PlatformOptions()
        options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(2))]
        // A terminal's Ctrl-C is for the laboratory, which then ends the others in order.
        options.processGroupID = 0
        do {
            let log = try FileDescriptor.open(
                FilePath(log),
                .writeOnly,
                options: [.create, .append, .closeOnExec],
                permissions: [.ownerReadWrite, .groupRead, .otherRead]
            )
            let changes = environment.merging(["PATH": Shell.path]) { own, _ in own }
                .map { (Environment.Key(stringLiteral: $0), $1 as String?) }
            let result = try await Subprocess.run(
                Shell.executable(command[0]),
                arguments: Arguments(Array(command.dropFirst())),
                environment: .inherit.updating(
                    Dictionary(uniqueKeysWithValues: changes)
                ),
                platformOptions: options,
                input: .none,
                output: .fileDescriptor(log, closeAfterSpawningProcess: false),
                error: .fileDescriptor(log, closeAfterSpawningProcess: true)
            ) { execution in
                await table.began(self, execution.processIdentifier.value)
            }
            await table.ended(self, "\(result.terminationStatus)")
        } catch {
            await table.ended(self, "\(error)")
        }
    }
}
