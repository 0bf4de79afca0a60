package import AsyncHTTPClient
package import NIOPosix
package import SwarmModel
internal import SwarmWire

/// The origins that an operator allows, and the way from a metainfo's locations to them. A location
/// that no configured origin covers is not read from, whatever it names.
package struct OriginCatalog: Sendable {
    package let origins: [OriginConfiguration]

    package init(_ origins: [OriginConfiguration] = []) { self.origins = origins }

    package var isEmpty: Bool { origins.isEmpty }

    /// Why a location cannot be used.
    package enum Refusal: Hashable, Sendable, CustomStringConvertible {
        case unknownOrigin(OriginID)
        case notAllowed(String)

        package var description: String {
            switch self {
            case .unknownOrigin(let id):
                "no origin '\(id)' in the origins' file; add one with this id"
            case .notAllowed(let url):
                "'\(url)' is below no origin of the origins' file; add one that covers it"
            }
        }
    }

    /// A configured origin, and the path below it.
    package func match(
        _ location: OriginLocation
    ) -> Result<(origin: OriginConfiguration, path: String), RefusalError> {
        switch location {
        case .named(let id, let path):
            guard let origin = origins.first(where: { $0.facts.id == id }) else {
                return .failure(RefusalError(refusal: .unknownOrigin(id)))
            }
            return .success((origin, path))
        case .url(let url):
            for origin in origins {
                guard let path = location.path(below: origin.base) else { continue }
                return .success((origin, path))
            }
            return .failure(RefusalError(refusal: .notAllowed(url)))
        }
    }

    package struct RefusalError: Error, Hashable, Sendable, CustomStringConvertible {
        package let refusal: Refusal
        package var description: String { refusal.description }
    }

    /// The way into a version's files at a location; `client` must not follow redirects.
    package func access(
        _ location: OriginLocation,
        client: HTTPClient,
        threads: NIOThreadPool
    ) throws(RefusalError) -> OriginAccess {
        let (origin, path) = try match(location).get()
        let source: any OriginSource
        switch origin.place {
        case .http(let url):
            let encoded = if case .url = location { path } else { Self.encoded(path) }
            source = HTTPOrigin(
                client: client,
                base: url + encoded,
                signer: Self.signer(origin.secrets) { BearerSigner(secrets: $0) }
            )
        case .s3(let s3):
            source = S3Origin(
                client: client,
                endpoint: s3.endpoint,
                bucket: s3.bucket,
                style: s3.style,
                prefix: s3.prefix + path,
                signer: Self.signer(origin.secrets) { S3Signer(secrets: $0, region: s3.region) }
            )
        case .directory(let directory):
            source = DirectoryOrigin(directory: "\(directory)/\(path)", threads: threads)
        }
        return OriginAccess(facts: origin.facts, source: source)
    }

    private static func signer(
        _ secrets: OriginSecrets?,
        _ make: (OriginSecrets) -> any RequestSigner
    ) -> any RequestSigner { secrets.map(make) ?? AnonymousSigner() }

    private static func encoded(_ path: String) -> String {
        path.split(separator: "/", omittingEmptySubsequences: false)
            .map { PercentCoding.encode($0.utf8) }.joined(separator: "/")
    }
}
