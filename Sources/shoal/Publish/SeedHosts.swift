import SwarmModel
import SwarmRuntime

/// The hosts that a publisher names to hold what it publishes, so that it need not stay.
struct SeedHosts: Sendable {
    let names: [HostName]
    /// Nil when there is none, and then no names are.
    let tracker: TrackerAddress?
    let token: String?

    /// Between two tries to tell a tracker that is being started again.
    private static let tryInterval = Duration.seconds(1)

    /// Asks for each host before any hashing, so that a wrong name is not found out about after
    /// hours of work.
    func check(isQuiet: Bool) async throws {
        try await withClient { client in
            for name in names {
                let host: HostView
                do {
                    host = try await client.host(name)
                } catch let error as TrackerClientError {
                    throw CommandFailure(error)
                }
                if host.isDead, !isQuiet {
                    Terminal.note("\(name) is silent; it gets the version when it is back")
                }
            }
        }
    }

    /// Tells the tracker that the hosts shall hold the version. A tracker that does not answer,
    /// because it is being started again, is asked on.
    func hold(
        _ version: ModelReference,
        until deadline: PublishDeadline,
        isQuiet: Bool
    ) async throws {
        try await withClient { client in
            for name in names {
                try await hold(version, on: name, client, until: deadline, isQuiet: isQuiet)
            }
        }
    }

    private func hold(
        _ version: ModelReference,
        on name: HostName,
        _ client: RolloutClient,
        until deadline: PublishDeadline,
        isQuiet: Bool
    ) async throws {
        while true {
            do {
                let isNew = try await client.hold(version, on: name).changed
                if !isQuiet {
                    Terminal.note("\(name) \(isNew ? "was told" : "knows already") to hold it")
                }
                return
            } catch let error as TrackerClientError where error.isPassing {
                guard try await deadline.pause(Self.tryInterval) else {
                    throw CommandFailure(
                        .deadlinePassed,
                        "\(name) was not told to hold \(version) within \(deadline.text): "
                            + error.message,
                        remedy: "the same command again when the tracker answers"
                    )
                }
            } catch let error as TrackerClientError {
                throw CommandFailure(error)
            }
        }
    }

    /// How far each host is that does not have it, as the tracker knows.
    func standing(with infoHash: InfoHash) async -> String {
        let lines = try? await withClient { client in
            var lines: [String] = []
            for name in names {
                let host = try? await client.host(name)
                if let line = Self.line(name, host, infoHash) { lines.append(line) }
            }
            return lines
        }
        return (lines ?? []).joined(separator: "; ")
    }

    private static func line(_ name: HostName, _ host: HostView?, _ infoHash: InfoHash) -> String? {
        guard let host else { return "\(name): the tracker says nothing of it" }
        let version = host.report?.models.flatMap(\.versions).first { $0.infoHash == infoHash }
        let silence = host.isDead || host.report == nil ? ", and it is silent" : ""
        guard let version else { return "\(name) has nothing of it\(silence)" }
        guard version.piecesHeld < version.pieceCount else { return nil }
        let problem = version.problem.map { " (\($0))" } ?? ""
        return "\(name) has \(version.piecesHeld) of \(version.pieceCount) pieces\(problem)"
            + silence
    }

    private func withClient<R: Sendable>(
        _ body: @escaping @Sendable (RolloutClient) async throws -> R
    ) async throws -> R? {
        guard let tracker, !names.isEmpty else { return nil }
        return try await TrackerRequests.withClient { http in
            try await body(RolloutClient(client: http, tracker: tracker, token: token))
        }
    }
}
