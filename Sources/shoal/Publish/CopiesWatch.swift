import AsyncHTTPClient
import SwarmModel
import SwarmPeer
import SwarmRuntime

/// Waits until a version has so many copies outside of those who publish it.
///
/// Trackers say which peers are complete: a peer is counted from its announce on, until it leaves
/// or is not heard of. Of the others the connections say which pieces they have, and a peer says so
/// of none that it has not verified. Connections to complete peers tell nothing, as two peers that
/// want nothing of each other close theirs.
struct CopiesWatch: Sendable {
    let driver: SwarmDriver
    let geometry: PieceGeometry
    /// Copies of each piece.
    let goal: Int
    let trackers: [TrackerAddress]
    let seedHosts: SeedHosts
    let deadline: PublishDeadline

    /// Between two counts: each asks for all members of the swarm.
    private static let countInterval = Duration.seconds(2)

    /// Returns when the goal is reached.
    func run(_ http: HTTPClient, isQuiet: Bool) async throws -> CopyTally {
        let last = Locked(CopyTally(geometry: geometry, goal: goal))
        return try await Progress.showing(
            "copies",
            total: geometry.totalLength.multipliedReportingOverflow(by: goal).partialValue,
            isQuiet: isQuiet,
            sample: { ProgressMeter.Sample(bytesDone: last.withLock { $0.byteCount }) },
            during: {
                while true {
                    let (tally, problem) = try await count(http)
                    last.withLock { $0 = tally }
                    if tally.isEnough { return tally }
                    guard try await deadline.pause(Self.countInterval) else {
                        throw await failure(tally, problem)
                    }
                }
            }
        )
    }

    private func count(_ http: HTTPClient) async throws -> (CopyTally, problem: String?) {
        let client = SwarmMembersClient(client: http)
        var members: [String: SwarmMember] = [:]
        var (problem, answers) = (String?.none, 0)
        for tracker in trackers {
            do {
                for member in try await client.members(of: driver.infoHash.swarmID, at: tracker) {
                    members[member.peerHex] = member
                }
                answers += 1
            } catch let error as TrackerClientError {
                try Task.checkCancellation()
                problem = error.message
            }
        }
        var tally = CopyTally(geometry: geometry, goal: goal)
        // Who is complete and who publishes is not known: nothing counts.
        guard answers > 0 else { return (tally, problem) }
        for member in members.values where member.isSeed && member.part == nil {
            tally.addComplete()
        }
        if tally.isEnough { return (tally, problem) }
        for (peer, pieces) in await driver.holdings {
            let member = members[Hex.encode(peer.bytes)]
            if member?.part != nil || member?.isSeed == true { continue }
            tally.add(pieces)
        }
        return (tally, problem)
    }

    private func failure(_ tally: CopyTally, _ problem: String?) async -> CommandFailure {
        let short = tally.short
        let named = await driver.named(short).map { "\($0)" }.joined(separator: ", ")
        let hosts = await seedHosts.standing(with: driver.infoHash)
        return CommandFailure(
            .deadlinePassed,
            "after \(deadline.text) \(short.count) of \(geometry.pieceCount) pieces have fewer "
                + "than \(goal) copies outside of those who publish; the fewest is \(tally.least). "
                + "Pieces that are short: \(named)"
                + (hosts.isEmpty ? "" : "; \(hosts)") + (problem.map { "; \($0)" } ?? ""),
            remedy: "a longer --deadline, or look whether hosts fetch the version: "
                + "--seed-host, a rollout, or `shoal pull`"
        )
    }
}
