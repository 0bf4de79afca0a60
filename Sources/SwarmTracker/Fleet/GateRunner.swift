internal import AsyncHTTPClient
internal import Foundation
internal import Logging
internal import NIOCore
internal import NIOHTTP1
internal import SwarmCore
internal import SwarmModel

/// Looks at the gates of rollouts that are outside of the fleet: an HTTP answer, or the end of a
/// program in the tracker's directory of gates.
struct GateRunner: Sendable {
    let fleet: FleetDriver
    /// `<data>/gates`: whoever may write there decides what runs on the tracker's host.
    let directory: String
    let logger: Logger

    /// Runs for the life of the daemon.
    func run() async {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        await withDiscardingTaskGroup { group in
            for await (run, gate) in fleet.gates {
                group.addTask { await look(run, gate, http) }
            }
            group.cancelAll()
        }
        try? await http.shutdown()
    }

    private func look(_ run: GateRun, _ gate: RolloutPlan.Gate, _ http: HTTPClient) async {
        let result: GateResult
        switch gate {
        case .http(let url, let seconds): result = await Self.probe(url, seconds, http)
        case .command(let name, let seconds):
            result = await Self.execute("\(directory)/\(name)", seconds, run)
        case .soak, .approval: return
        }
        logger.info(
            "gate",
            metadata: [
                "rollout": "\(run.rollout)", "wave": "\(run.wave + 1)", "gate": "\(gate)",
                "result": "\(result)",
            ]
        )
        await say(result, of: run)
    }

    /// Until it is heard: a rollout would wait for ever for an answer that was lost. When the fleet
    /// was made anew meanwhile, it has asked again, and this answer means nothing.
    private func say(_ result: GateResult, of run: GateRun) async {
        while !Task.isCancelled {
            do {
                try await fleet.perform { fleet, now, actions in
                    fleet.gateFinished(run, result, at: now, into: &actions)
                }
                return
            } catch {
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }

    private static func probe(_ url: String, _ seconds: Int, _ http: HTTPClient) async -> GateResult
    {
        do {
            let response = try await http.execute(
                HTTPClientRequest(url: url),
                timeout: .seconds(Int64(seconds))
            )
            let status = Int(response.status.code)
            return (200...299).contains(status)
                ? .passed : .failed("\(url) answered with status \(status)")
        } catch {
            return .inconclusive("\(url) did not answer: \(error)")
        }
    }

    /// The status of `EX_TEMPFAIL` in sysexits.h.
    private static let temporaryFailure: Int32 = 75

    /// The program gets its rollout in the environment, nothing on its input, and its output goes
    /// nowhere. At the end of its time it is killed.
    private static func execute(_ path: String, _ seconds: Int, _ run: GateRun) async -> GateResult
    {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        var environment = ProcessInfo.processInfo.environment
        environment["SHOAL_TOKEN"] = nil
        environment["SHOAL_ROLLOUT"] = "\(run.rollout)"
        environment["SHOAL_CHANNEL"] = run.channel
        environment["SHOAL_WAVE"] = "\(run.wave + 1)"
        environment["SHOAL_VERSION"] = run.target.map { "\($0)" }
        process.environment = environment
        let (ends, continuation) = AsyncStream<Int32>.makeStream()
        process.terminationHandler = { ended in
            continuation.yield(
                ended.terminationReason == .exit ? ended.terminationStatus : -1
            )
            continuation.finish()
        }
        do {
            try process.run()
        } catch {
            return .inconclusive("cannot run \(path): \(error.localizedDescription)")
        }
        let id = process.processIdentifier
        let status = await withTaskGroup(of: Int32?.self) { group in
            group.addTask {
                for await status in ends { return status }
                return nil
            }
            group.addTask {
                try? await Task.sleep(for: .seconds(seconds))
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
        switch status {
        case 0?: return .passed
        case nil:
            kill(id, SIGKILL)
            return .inconclusive("\(path) did not end within \(seconds) s")
        case temporaryFailure?: return .inconclusive("\(path) ended with status 75")
        case let status?: return .failed("\(path) ended with status \(status)")
        }
    }
}
