import AsyncHTTPClient
import NIOPosix
import SwarmModel
import SwarmOrigin

/// Looks whether origins have what is being published, by the lengths of the files. Peers check the
/// bytes themselves.
enum OriginCheck {
    /// Files named in a message at most.
    private static let namesMax = 10

    static func check(
        _ info: VersionInfo,
        at locations: [OriginLocation],
        _ catalog: OriginCatalog
    ) async throws {
        guard !locations.isEmpty else { return }
        let threads = NIOThreadPool(numberOfThreads: 1)
        threads.start()
        do {
            try await TrackerRequests.withClient { client in
                for location in locations {
                    try await check(info, at: location, catalog, client, threads)
                }
            }
        } catch {
            try? await threads.shutdownGracefully()
            throw error
        }
        try await threads.shutdownGracefully()
    }

    private static func check(
        _ info: VersionInfo,
        at location: OriginLocation,
        _ catalog: OriginCatalog,
        _ client: HTTPClient,
        _ threads: NIOThreadPool
    ) async throws {
        let access: OriginAccess
        do {
            access = try catalog.access(location, client: client, threads: threads)
        } catch {
            throw CommandFailure(
                .failure,
                "'\(location)' cannot be used: \(error)",
                remedy: "--origin-config FILE with such an origin"
            )
        }
        let lengths: [Int?]
        do {
            lengths = try await access.source.lengths(of: info.files.map(\.path))
        } catch let error as OriginError {
            throw CommandFailure(.unreachable, "the origin '\(location)' \(error)")
        }
        let flaws = zip(info.files, lengths).compactMap { file, length -> String? in
            if length == file.length { return nil }
            let found = length.map { "has \($0) bytes there" } ?? "is not there"
            return "  '\(file.joinedPath)' of \(file.length) bytes \(found)"
        }
        guard flaws.isEmpty else {
            let more = flaws.count > namesMax ? "\n  and \(flaws.count - namesMax) more" : ""
            throw CommandFailure(
                .conflict,
                "the origin '\(location)' does not have what is being published:\n"
                    + flaws.prefix(namesMax).joined(separator: "\n") + more,
                remedy: "--origin with the directory that holds these files, or upload them again"
            )
        }
    }
}
