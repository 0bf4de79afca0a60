import Logging
import SwarmCore
import SwarmModel
import SwarmRuntime

/// Announces: one at a time, as the announcer says.
extension SwarmDriver {
    /// Makes the announce that is due, if any.
    func pollAnnouncer() {
        announcer.wantsPeersSooner = swarm.connections.isEmpty && !swarm.isSatisfied
        guard let order = announcer.poll(at: clock.now) else { return }
        jobs.announces.add(order)
    }

    func runAnnounces() async {
        for await order in jobs.announces.stream { await announce(order) }
    }

    private func announce(_ order: AnnounceOrder) async {
        let request = announceRequest(order)
        do {
            let response = try await around.trackers.announce(request, to: order.url)
            take(response, from: order.url)
            announcer.answered(response, at: clock.now)
        } catch {
            note("\(error)", order.url)
            announcer.failed(at: clock.now)
        }
        pollAnnouncer()
        schedule()
    }

    private func announceRequest(_ order: AnnounceOrder) -> AnnounceRequest {
        let geometry = swarm.geometry
        let verified = swarm.picker.map { Self.bytes($0.verified, $0.geometry) } ?? 0
        // Of an unknown version we want everything; only zero or not matters (BEP 3).
        let left = geometry.map { $0.totalLength - verified } ?? PieceGeometry.blockLength
        return AnnounceRequest(
            swarm: infoHash.swarmID,
            peer: around.me,
            port: around.settings.listenPort ?? 0,
            uploaded: UInt64(swarm.uploadedBytes),
            downloaded: UInt64(swarm.ledger.received.totalBytes),
            left: UInt64(max(0, left)),
            event: order.event,
            peersWanted: order.event == .stopped ? 0 : 200,
            key: UInt32(truncatingIfNeeded: around.settings.generation),
            locality: around.settings.locality,
            generation: around.settings.generation,
            uplinkBytesPerSecond: swarm.uplinkBytesPerSecond.map { UInt64(max(0, $0)) },
            part: publishes,
            rosterEpoch: rosterEpochs[order.url] ?? RosterEpoch.none
        )
    }

    private func take(_ response: AnnounceResponse, from url: String) {
        switch response {
        case .failure(let reason, _): note("refused: \(reason)", url)
        case .success(let success):
            trackerProblem = success.warning.map { "tracker \(url) warns: \($0)" }
            if let roster = success.roster {
                rosterEpochs[url] = roster.epoch
                // Only trackers of ours send rosters, and take reports.
                reporter.found(url, life: roster.epoch.life, at: clock.now)
                handle(.rosterUpdated(roster))
            }
            // After it: who is there says whom to be connected to.
            handle(.peersLearned(success.peers))
        }
    }

    private func note(_ problem: String, _ url: String) {
        trackerProblem = "tracker \(url): \(problem)"
        logger.warning("announce failed", metadata: ["tracker": "\(url)", "reason": "\(problem)"])
    }

    /// Tells the trackers that know us that we leave, for at most a second: a process that stops
    /// must not wait for a tracker that is down.
    func sayGoodbye() async {
        let deadline = clock.now + .seconds(1)
        while clock.now < deadline, let order = announcer.poll(at: clock.now) {
            let request = announceRequest(order)
            do {
                let response = try await around.farewells.announce(request, to: order.url)
                announcer.answered(response, at: clock.now)
            } catch {
                announcer.failed(at: clock.now)
            }
        }
        jobs.announces.finish()
    }
}
