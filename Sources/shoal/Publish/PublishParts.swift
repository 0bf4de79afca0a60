import AsyncHTTPClient
import SwarmHash
import SwarmModel
import SwarmRuntime
import SwarmWire

/// Registers one part of a version with trackers, and waits for the others.
struct PublishParts {
    let part: PartNumber
    let reference: ModelReference
    let trackers: [TrackerAddress]
    let token: String?

    /// Between two questions whether the other parts are in.
    private static let askInterval = Duration.seconds(1)

    /// Puts the part into each tracker's catalog. Ends at the first that refuses; doing it all
    /// again is harmless.
    func register(_ torrent: [UInt8], replacing: Bool) async throws -> [PartsReport] {
        try await TrackerRequests.withClient { client in
            var reports: [PartsReport] = []
            for tracker in trackers {
                let catalog = CatalogClient(client: client, tracker: tracker, token: token)
                do {
                    reports.append(
                        try await catalog.put(part, of: reference, torrent, replacing: replacing)
                    )
                } catch let error as TrackerClientError where error.code == .status(409) {
                    throw CommandFailure(
                        .conflict,
                        error.message,
                        remedy: "the files of this part as they were, or a new --version"
                    )
                } catch let error as TrackerClientError {
                    throw CommandFailure(error)
                }
            }
            return reports
        }
    }

    /// Waits until all parts are in and returns the whole version. A tracker that does not answer,
    /// because it is being started again, is asked on.
    func whole(
        having files: VersionInfo,
        until deadline: PublishDeadline,
        isQuiet: Bool
    ) async throws -> Metainfo {
        try await TrackerRequests.withClient { client in
            let catalog = CatalogClient(client: client, tracker: trackers[0], token: token)
            var said = ""
            while true {
                let missing: String
                do {
                    let report = try await catalog.parts(of: reference)
                    if report.infoHash != nil { break }
                    missing = "\(report.state?.missingText ?? "parts") missing"
                } catch let error as TrackerClientError where error.isPassing {
                    missing = error.message
                } catch let error as TrackerClientError {
                    throw CommandFailure(error)
                }
                if missing != said, !isQuiet {
                    Terminal.note("waiting for \(reference): \(missing)")
                }
                said = missing
                guard try await deadline.pause(Self.askInterval) else {
                    throw CommandFailure(
                        .deadlinePassed,
                        "\(reference) is not whole after \(deadline.text): \(missing)",
                        remedy: "publish what is missing; this part is kept"
                    )
                }
            }
            return try await fetch(from: catalog, having: files)
        }
    }

    private func fetch(from catalog: CatalogClient, having files: VersionInfo) async throws
        -> Metainfo
    {
        let metainfo: Metainfo
        do {
            let bytes = try await catalog.get(reference)
            metainfo = try MetainfoCodec.decode(bytes, hasher: SystemHasher())
        } catch let error as TrackerClientError {
            throw CommandFailure(error)
        } catch {
            throw CommandFailure(.failure, "\(trackers[0]) sent no version: \(error)")
        }
        if let lacking = metainfo.info.lacking(from: files) {
            throw CommandFailure(
                .conflict,
                "\(reference) as the tracker has it lacks '\(lacking.joinedPath)' as it is here",
                remedy: "a new --version, since versions never change"
            )
        }
        return metainfo
    }
}

extension TrackerClientError {
    /// It may answer when it is asked again.
    var isPassing: Bool {
        switch code {
        case .unreachable, .timeout: true
        case .status(let status): status >= 500
        case .badURL, .badAnswer: false
        }
    }
}

/// Until when others may take part.
struct PublishDeadline: Sendable {
    private let clock = ContinuousClock()
    private let start: ContinuousClock.Instant
    private let limit: Duration?

    init(seconds: Double?) {
        start = clock.now
        limit = seconds.map { .seconds($0) }
    }

    var text: String { "\(((clock.now - start) / .seconds(1)).threeDigits) s" }

    /// False when the time is up.
    func pause(_ duration: Duration) async throws -> Bool {
        let left = limit.map { $0 - (clock.now - start) } ?? duration
        guard left > .zero else { return false }
        try await clock.sleep(for: min(left, duration))
        return true
    }
}
