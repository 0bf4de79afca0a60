import ArgumentParser
import Foundation
import SwarmModel
import SwarmOrigin

/// Where a version's bytes also lie.
struct OriginOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Where the files also lie, unchanged; peers read there what no peer has.",
            discussion: """
                An http(s) URL of the directory that holds them, or ORIGIN or ORIGIN:PATH, or an \
                s3://BUCKET/PREFIX/, of an origin in the file of --origin-config. Repeat it for \
                more. The lengths of all files there are checked.
                """,
            valueName: "url|origin:path"
        )
    )
    var origin: [String] = []

    func locations() throws(CommandFailure) -> [OriginLocation] {
        var locations: [OriginLocation] = []
        for text in origin {
            do throws(OriginLocation.Flaw) {
                let location = try OriginLocation(text)
                if !locations.contains(location) { locations.append(location) }
            } catch {
                throw CommandFailure(
                    .usage,
                    // It may be one that holds a password.
                    "an --origin cannot be used: \(error)",
                    remedy: "--origin https://HOST/DIRECTORY/, or --origin ORIGIN:PATH"
                )
            }
        }
        return locations
    }

    /// The origins in a file.
    static func catalog(_ path: String) throws(CommandFailure) -> OriginCatalog {
        let bytes = try FileContent.read(path, byteCountMax: OriginConfiguration.byteCountMax)
        do {
            return OriginCatalog(try OriginConfiguration.read(Array(bytes), path: path))
        } catch {
            throw CommandFailure(.failure, error.message)
        }
    }

    /// The same for whoever publishes: web addresses that are given on the command line are allowed
    /// by that, and asked without credentials unless the file covers them.
    static func catalog(
        for locations: [OriginLocation],
        file: String?
    ) throws(CommandFailure) -> OriginCatalog {
        let path = file ?? ProcessInfo.processInfo.environment["SHOAL_ORIGIN_CONFIG"]
        let configured = try path.map { path throws(CommandFailure) in try catalog(path) }
        var origins = configured?.origins ?? []
        for (index, location) in locations.enumerated() {
            guard case .url(let url) = location, url.hasPrefix("http"),
                !origins.contains(where: { location.path(below: $0.base) != nil }),
                let id = OriginID("given-\(index + 1)")
            else { continue }
            origins.append(
                OriginConfiguration(
                    facts: OriginFacts(id: id),
                    place: .http(url: url),
                    secrets: nil
                )
            )
        }
        return OriginCatalog(origins)
    }
}
