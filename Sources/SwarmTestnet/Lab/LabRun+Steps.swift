import Foundation
import SwarmModel

/// What a scenario does while it runs.
extension LabRun {
    /// Does the steps whose time has come.
    mutating func takeSteps(_ group: inout Group) async throws {
        for (index, step) in scenario.steps.enumerated() where done[index] == nil {
            let since = step.follows.map { done[$0] } ?? .zero
            guard let since else { continue }
            guard isDue(step.trigger) else {
                if let within = step.within, elapsed > since + within {
                    violations.append("'\(step.name)' did not come within \(within)" + standing)
                }
                continue
            }
            if case .rollout(_, let wave) = step.trigger, step.action != .wait,
                rollout?.hasPassed(wave: wave) == true
            {
                violations.append("'\(step.name)' comes too late" + standing)
            }
            say("\(step.name)")
            try await take(step, &group)
            done[index] = elapsed
        }
    }

    /// Where the rollout stands, for complaints.
    var standing: String {
        guard let view = rollout?.view else { return "" }
        let waits = view.waitsFor.map { ", which waits for \($0)" } ?? ""
        return ": the rollout is \(view.state)" + waits
    }

    /// A step that never came has not shown what it is there for.
    mutating func checkSteps() {
        for (index, step) in scenario.steps.enumerated() where done[index] == nil {
            violations.append("'\(step.name)' never came")
        }
    }

    private func isDue(_ trigger: Step.Trigger) -> Bool {
        switch trigger {
        case .time(let time): elapsed >= time
        case .progress(let share, let host):
            (host.map { records[$0]?.progress ?? 0 } ?? meanProgress) >= share
        case .paused(let host):
            records[host]?.current?.state == "paused" && records[host]?.current?.problem != nil
        case .after(let step, let wait): done[step].map { elapsed >= $0 + wait } ?? false
        case .rollout(let phase, let wave): rollout?.hasReached(phase, wave: wave) ?? false
        case .serving(let version, let hosts): hosts.allSatisfy { serving($0) == version }
        }
    }

    private mutating func take(_ step: Step, _ group: inout Group) async throws {
        switch step.action {
        case .start(let hosts): for host in hosts { try await start(host, &group) }
        case .kill(let hosts): for host in hosts { try await end(host, SIGKILL) }
        case .stop(let hosts): for host in hosts { try await end(host, SIGTERM) }
        case .pause(let hosts):
            for host in hosts {
                try await processes.signal(key(host), SIGSTOP, ends: false)
                records[host]?.isPaused = true
            }
        case .resume(let hosts):
            for host in hosts {
                try await processes.signal(key(host), SIGCONT, ends: false)
                records[host]?.isPaused = false
            }
        case .partition(let domain):
            if !cutDomains.contains(domain) { cutDomains.append(domain) }
            try await applyFilters(step)
        case .heal(let domain):
            cutDomains.removeAll { $0 == domain }
            try await applyFilters(step)
        case .loss(let domain, let percent):
            losses.removeAll { $0.domain == domain }
            if percent > 0 { losses.append((domain, percent)) }
            try await applyFilters(step)
        case .domainRate(let domain, let rate):
            try await Shell.run(try plan(step).rateScript(ofDomain: domain, rate))
        case .hostRate(let host, let rate):
            try await Shell.run(try plan(step).rateScript(ofHost: host, rate))
        case .fillDisk(let host, let bytes): try fillDisk(host, leaving: bytes)
        case .freeDisk(let host):
            try FileManager.default.removeItem(atPath: ballast(host))
        case .corrupt(let host): try corrupt(host)
        case .expect(let expectation): check(expectation, step)
        case .publish(let publication): try await publish(publication, &group)
        case .rollout(let version, let waves): try await create(version, waves, &group)
        case .command(let verb, let wave): try await command(verb, wave: wave, &group)
        case .failProbe(let hosts, let version): try failProbe(hosts, version)
        case .wait: break
        }
    }

    // MARK: Processes

    private mutating func start(_ host: Int, _ group: inout Group) async throws {
        guard await !processes.isRunning(key(host)) else {
            throw TestnetError("'\(name(host))' runs already")
        }
        if host == scenario.tracker {
            launch(tracker, &group)
        } else if scenario.seeds.contains(host) {
            launch(seed(host), &group)
            if let publication = scenario.publication, publishers.contains(host) {
                try launchPublisher(host, publication, &group)
            }
        } else {
            try startReceiver(host, &group)
        }
    }

    private mutating func end(_ host: Int, _ signal: Int32) async throws {
        // What it booked until now would be lost with it.
        hear(host)
        let keys = [key(host)] + (publishers.contains(host) ? [publisherKey(host)] : [])
        for key in keys { try await processes.signal(key, signal, ends: true) }
        records[host]?.endLife()
        for key in keys {
            while await processes.isRunning(key) {
                try await clock.sleep(for: .milliseconds(10))
            }
        }
    }

    // MARK: The network

    private func plan(_ step: Step) throws -> NetworkPlan {
        guard let network else {
            throw TestnetError("'\(step.name)' needs network namespaces, not loopback")
        }
        return network.plan
    }

    private func applyFilters(_ step: Step) async throws {
        let plan = try plan(step)
        let rules = plan.filterRules(cut: cutDomains, losses: losses)
        try await Shell.run("nft", ["-f", "-"], in: plan.fabric, input: rules)
    }

    // MARK: Disks

    private func ballast(_ host: Int) -> String { "\(folder(host))/data/ballast" }

    /// Leaves so many bytes on the host's small file system.
    private func fillDisk(_ host: Int, leaving bytes: Int) throws {
        let free = LabSettings.freeBytes("\(folder(host))/data")
        let size = max(0, free - bytes)
        _ = FileManager.default.createFile(atPath: ballast(host), contents: nil)
        guard let file = FileHandle(forWritingAtPath: ballast(host)) else {
            throw TestnetError("cannot write \(ballast(host))")
        }
        defer { try? file.close() }
        let status = posix_fallocate(file.fileDescriptor, 0, off_t(size))
        guard size == 0 || status == 0 else {
            throw TestnetError("cannot fill \(ballast(host)): errno \(status)")
        }
    }

    /// Flips a byte in each 64 KiB of all content, as a rotting disk or a bad cable does.
    private mutating func corrupt(_ host: Int) throws {
        let data = "\(folder(host))/data"
        var count = 0
        for folder in ["blobs", "partial"] {
            let names =
                (try? FileManager.default.contentsOfDirectory(atPath: "\(data)/\(folder)")) ?? []
            for name in names { count += try Self.flipBytes("\(data)/\(folder)/\(name)") }
        }
        guard count > 0 else { throw TestnetError("'\(name(host))' holds nothing to corrupt") }
        records[host]?.isSpoilt = true
        say("flipped \(count) bytes at \(name(host))")
    }

    private static func flipBytes(_ path: String) throws -> Int {
        guard let file = FileHandle(forUpdatingAtPath: path) else {
            throw TestnetError("cannot write \(path)")
        }
        defer { try? file.close() }
        let size = try file.seekToEnd()
        var count = 0
        for offset in stride(from: UInt64(100), to: size, by: 1 << 16) {
            try file.seek(toOffset: offset)
            guard let byte = try file.read(upToCount: 1)?.first else { break }
            try file.seek(toOffset: offset)
            try file.write(contentsOf: [byte ^ 0xFF])
            count += 1
        }
        return count
    }

    // MARK: Expectations

    private mutating func check(_ expectation: Step.Expectation, _ step: Step) {
        for host in expectation.hosts {
            guard let record = records[host] else { continue }
            let missing = record.current?.unavailablePieces ?? 0
            let named = record.current?.unavailable ?? []
            if let wanted = expectation.missingPieces, wanted != (missing > 0 && !named.isEmpty) {
                violations.append(
                    "\(step.name): \(name(host)) says that \(missing) pieces are held by nobody, "
                        + "and names \(named.count) runs of them"
                )
            }
            if let wanted = expectation.complete, wanted != (record.completedAt != nil) {
                violations.append(
                    "\(step.name): \(name(host)) is \(wanted ? "not " : "")complete at "
                        + "\(Int(record.progress * 100)) %"
                )
            }
        }
    }
}
