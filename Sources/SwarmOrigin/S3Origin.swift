internal import AsyncHTTPClient
package import NIOCore
internal import NIOHTTP1
internal import SwarmModel
internal import SwarmWire

/// A place in a bucket. Reads are those of a web server, signed; lengths come from listings, a
/// thousand objects for each request.
package struct S3Origin: OriginSource {
    /// How the bucket is written into URLs.
    package enum Style: String, Hashable, Sendable {
        /// `https://HOST/BUCKET/KEY`.
        case path
        /// `https://BUCKET.HOST/KEY`.
        case virtual
    }

    private let objects: HTTPOrigin
    /// The bucket's URL.
    private let bucket: String
    /// Keys of the version begin with it; empty or with a slash at the end.
    private let prefix: String

    /// Most pages of one listing: a hundred thousand files, the most of a version, and as many
    /// again that are not of it.
    private static let pagesMax = 200

    init(
        client: HTTPClient,
        endpoint: String,
        bucket: String,
        style: Style,
        prefix: String,
        signer: any RequestSigner
    ) {
        let endpoint = endpoint.hasSuffix("/") ? String(endpoint.dropLast()) : endpoint
        switch style {
        case .path: self.bucket = "\(endpoint)/\(bucket)"
        case .virtual:
            let host = endpoint.firstRange(of: "://").map { endpoint[$0.upperBound...] } ?? ""
            let scheme = endpoint.dropLast(host.count)
            self.bucket = "\(scheme)\(bucket).\(host)"
        }
        self.prefix = prefix
        let encoded = prefix.split(separator: "/", omittingEmptySubsequences: false)
            .map { PercentCoding.encode($0.utf8) }.joined(separator: "/")
        objects = HTTPOrigin(client: client, base: "\(self.bucket)/\(encoded)", signer: signer)
    }

    package func read(
        _ request: OriginRequest,
        _ take: @escaping @Sendable (ByteBuffer) async throws -> Void
    ) async throws {
        try await objects.read(request, take)
    }

    package func lengths(of paths: [[String]]) async throws -> [Int?] {
        var sizes: [String: Int] = [:]
        for object in try await list() { sizes[object.key] = object.size }
        return paths.map { sizes[prefix + $0.joined(separator: "/")] }
    }

    /// All objects below the prefix. S3 lists in the order of keys, so a listing that repeats or
    /// goes back is one that changed under our hands.
    func list() async throws -> [S3Page.Object] {
        var found: [S3Page.Object] = []
        var token: String?
        for _ in 0..<Self.pagesMax {
            let page = try await page(after: token)
            for object in page.objects {
                if let last = found.last, !Self.precedes(last.key, object.key) {
                    throw OriginError(.changed("listing ('\(object.key)' comes twice)"))
                }
                found.append(object)
            }
            guard page.isTruncated, let next = page.nextToken else { return found }
            guard next != token else {
                throw OriginError(.changed("listing (the same page comes again)"))
            }
            token = next
        }
        throw OriginError(.unexpected("more than \(Self.pagesMax) pages below '\(prefix)'"))
    }

    private static func precedes(_ a: String, _ b: String) -> Bool {
        a.utf8.lexicographicallyPrecedes(b.utf8)
    }

    private func page(after token: String?) async throws -> S3Page {
        // In the order that the signature wants.
        var query = "list-type=2&max-keys=1000&prefix=\(PercentCoding.encode(prefix.utf8))"
        if let token { query = "continuation-token=\(PercentCoding.encode(token.utf8))&" + query }
        let response = try await objects.execute(HTTPClientRequest(url: "\(bucket)/?\(query)"))
        guard response.status == .ok else {
            let request = OriginRequest(path: ["?list-type=2"], bytes: 0..<0, length: 0)
            throw OriginError(try await objects.fault(of: response, to: request))
        }
        do {
            let body = try await response.body.collect(upTo: S3Codec.byteCountMax)
            return try S3Codec.decodePage(Array(body.readableBytesView))
        } catch let error as S3AnswerError {
            throw OriginError(.unexpected("a listing that cannot be read: \(error)"))
        } catch {
            try Task.checkCancellation()
            throw OriginError(.unreachable("the listing ended early: \(error)"))
        }
    }
}
