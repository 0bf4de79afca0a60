import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import SwarmCore
import SwarmModel
import SwarmStorage
import SystemPackage

/// Hooks and probes.
extension HostDriver {
    /// Why the hook failed; nil when it did not. The machine sets its time limit, by `end`.
    func runHook(_ name: ModelName, _ call: HookCall, end: Bell) async -> String? {
        let target = call.kind == .before ? settings.hooks.before : settings.hooks.after
        guard let target else { return nil }
        let facts = facts(call.kind.rawValue, name, call.version, call.previous)
        logger.info("hook", metadata: ["event": "\(facts.event)", "version": "\(call.version)"])
        switch target {
        case .command(let words):
            let process = HookProcess(
                words: words,
                facts: facts,
                note: node.store.layout.hook(name)
            )
            let outcome = await process.run(limit: nil, end: end)
            log(outcome, facts)
            return outcome.failureWithOutput
        case .url(let url): return await post(facts, to: url, end: end)
        }
    }

    /// Why the probe said no; nil when it said yes.
    func runProbe(_ name: ModelName, _ version: String) async -> String? {
        let limit = settings.hooks.probeTimeout
        switch settings.hooks.probe {
        case nil: return nil
        case .command(let words):
            let facts = facts("probe", name, version, nil)
            let process = HookProcess(words: words, facts: facts, note: nil)
            return await process.run(limit: limit, end: Bell()).failureWithOutput
        case .url(let url):
            return await ask(HTTPClientRequest(url: url), limit: limit, end: Bell())
        }
    }

    private func facts(
        _ event: String,
        _ name: ModelName,
        _ version: String,
        _ previous: String?
    ) -> HookFacts {
        let reference = try? ModelReference(name: name, version: version)
        return HookFacts(
            event: event,
            model: "\(name)",
            version: version,
            previous: previous ?? "",
            path: reference.map { node.store.layout.view($0).string } ?? ""
        )
    }

    private func log(_ outcome: HookProcess.Outcome, _ facts: HookFacts) {
        logger.log(
            level: outcome.failure == nil ? .debug : .warning,
            "hook ended",
            metadata: [
                "event": "\(facts.event)", "version": "\(facts.version)",
                "failure": "\(outcome.failure ?? "none")", "output": "\(outcome.output)",
            ]
        )
    }

    // MARK: Over HTTP

    private func post(_ facts: HookFacts, to url: String, end: Bell) async -> String? {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/json")
        guard let body = try? JSONEncoder().encode(facts) else { return "no body" }
        request.body = .bytes(Array(body))
        // The machine's own limit comes first.
        return await ask(request, limit: settings.activation.hookTimeout + .seconds(60), end: end)
    }

    /// Why the answer is no yes. Redirects are not followed.
    private func ask(_ request: HTTPClientRequest, limit: Duration, end: Bell) async -> String? {
        let http = http
        return await withTaskGroup(of: String?.self) { group in
            group.addTask {
                do {
                    let limit = TimeAmount.nanoseconds(limit.nanoseconds)
                    let response = try await http.execute(request, timeout: limit)
                    // What it says beyond its status is not read.
                    guard (200...299).contains(response.status.code) else {
                        return "\(request.url) answered \(response.status.code)"
                    }
                    return nil
                } catch {
                    return "\(request.url): \(error)"
                }
            }
            group.addTask {
                await end.wait(for: limit) ? "it was ended" : "no answer within \(limit)"
            }
            defer { group.cancelAll() }
            return await group.next() ?? "no answer"
        }
    }
}

extension HookProcess.Outcome {
    /// Bytes of output that go into a report.
    private static let outputByteCountMax = 512

    /// The failure with the last that the program said.
    var failureWithOutput: String? {
        guard let failure else { return nil }
        let last = String(decoding: output.utf8.suffix(Self.outputByteCountMax), as: UTF8.self)
        let line = last.split(whereSeparator: \.isNewline).suffix(3).joined(separator: " | ")
        let printable = String(
            line.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? " " : Character($0) }
        )
        return printable.isEmpty ? failure : "\(failure): \(printable)"
    }
}
