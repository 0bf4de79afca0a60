import Foundation
import Subprocess
import SystemPackage

/// Runs the system's tools to their end.
package enum Shell {
    /// Longest output that is kept: the counters of 400 interfaces are 60 KB.
    private static let outputByteCountMax = 4 << 20

    /// Runs a script with `sh -eu` and returns what it printed.
    @discardableResult
    package static func run(_ script: String, in namespace: String? = nil) async throws -> String {
        try await run("sh", ["-eu", "-c", script], in: namespace)
    }

    /// Runs a program, in a network namespace when one is named. Anything but success is an error
    /// with what the program said.
    @discardableResult
    package static func run(
        _ program: String,
        _ arguments: [String],
        in namespace: String? = nil,
        input: String = ""
    ) async throws -> String {
        let command = inNamespace(namespace, [program] + arguments)
        let result: ExecutionResult<Void, StringOutput<UTF8>, StringOutput<UTF8>>
        do {
            result = try await Subprocess.run(
                executable(command[0]),
                arguments: Arguments(Array(command.dropFirst())),
                environment: .inherit.updating(["PATH": path, "LC_ALL": "C"]),
                input: .string(input),
                output: .string(limit: outputByteCountMax),
                error: .string(limit: outputByteCountMax)
            )
        } catch let error as SubprocessError where error.code == .executableNotFound {
            throw TestnetError("there is no '\(command[0])'", remedy: "install it")
        }
        guard result.terminationStatus.isSuccess else {
            let said = (result.standardError + result.standardOutput).prefix(2000)
            throw TestnetError(
                "'\(program)' failed (\(result.terminationStatus)): \(said.trimmed)"
            )
        }
        return result.standardOutput
    }

    /// A program by its name or by its path.
    static func executable(_ program: String) -> Executable {
        program.contains("/") ? .path(FilePath(program)) : .name(program)
    }

    /// A command line that runs in a network namespace. `nsenter` replaces itself, so the process
    /// that is started is the one that is meant.
    package static func inNamespace(_ namespace: String?, _ command: [String]) -> [String] {
        guard let namespace else { return command }
        return ["nsenter", "--net=/run/netns/\(namespace)"] + command
    }

    /// Runs a script to its end even when the task was cancelled, at which `Subprocess` would kill
    /// it: for tidying up after a run that was interrupted. What it says does not matter.
    ///
    /// By hand, since Foundation's `Process` now and then never hears that a child of the first
    /// process of a namespace has ended.
    static func tidy(_ script: String) {
        let command: [String] = ["/bin/sh", "-c", script]
        var words = command.map { strdup($0) } + [nil]
        let variables = ProcessInfo.processInfo.environment.merging(["PATH": path]) { $1 }
        var environment = variables.map { strdup("\($0)=\($1)") } + [nil]
        defer { for text in words + environment { free(text) } }
        var files = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&files)
        defer { posix_spawn_file_actions_destroy(&files) }
        for descriptor: Int32 in 0...2 {
            posix_spawn_file_actions_addopen(&files, descriptor, "/dev/null", O_RDWR, 0)
        }
        var child: pid_t = 0
        let failure = posix_spawn(&child, command[0], &files, nil, &words, &environment)
        guard failure == 0 else { return }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
    }

    /// The tools of administrators are not in everybody's path.
    static let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}

extension StringProtocol {
    var trimmed: String {
        String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }
}
