internal import AsyncHTTPClient
internal import Foundation
internal import NIOHTTP1
internal import SwarmHash
internal import SwarmModel

/// Puts what shows who asks into a request. Called right before each request, so that secrets that
/// are replaced on disk are used at once.
protocol RequestSigner: Sendable {
    /// Throws ``OriginError`` when the credentials are not there.
    func sign(_ request: inout HTTPClientRequest) throws
}

/// Asks as nobody.
struct AnonymousSigner: RequestSigner {
    func sign(_ request: inout HTTPClientRequest) {}
}

/// A token, as web servers take it.
struct BearerSigner: RequestSigner {
    let secrets: OriginSecrets

    func sign(_ request: inout HTTPClientRequest) throws {
        let token = try secrets.value(of: .bearerToken)
        request.headers.add(name: "authorization", value: "Bearer \(token)")
    }
}

/// AWS Signature Version 4 for S3 (Amazon S3 API Reference, "Authenticating Requests"). The payload
/// of a read is empty, and its hash is signed too.
struct S3Signer: RequestSigner {
    let secrets: OriginSecrets
    let region: String
    var now: @Sendable () -> Date = { Date() }

    private static let signedNames = ["host", "range", "if-match"]
    private static let emptyHash = sha256([]).hex

    func sign(_ request: inout HTTPClientRequest) throws {
        let keyID = try secrets.value(of: .accessKeyID)
        let key = try secrets.value(of: .secretAccessKey)
        let token = try secrets.optionalValue(of: .sessionToken)
        let (time, day) = Self.stamps(now())
        let (host, path, query) = Self.parts(of: request.url)
        request.headers.replaceOrAdd(name: "host", value: host)
        request.headers.replaceOrAdd(name: "x-amz-content-sha256", value: Self.emptyHash)
        request.headers.replaceOrAdd(name: "x-amz-date", value: time)
        if let token { request.headers.replaceOrAdd(name: "x-amz-security-token", value: token) }
        let signed = request.headers.map { ($0.name.lowercased(), Self.trimmed($0.value)) }
            .filter { Self.signedNames.contains($0.0) || $0.0.hasPrefix("x-amz-") }
            .sorted { $0.0 < $1.0 }
        let names = signed.map(\.0).joined(separator: ";")
        let canonical = [
            request.method.rawValue, path, query,
            signed.map { "\($0.0):\($0.1)\n" }.joined(), names, Self.emptyHash,
        ].joined(separator: "\n")
        let scope = "\(day)/\(region)/s3/aws4_request"
        let text = ["AWS4-HMAC-SHA256", time, scope, sha256(Array(canonical.utf8)).hex]
            .joined(separator: "\n")
        var chain = Array("AWS4\(key)".utf8)
        for part in [day, region, "s3", "aws4_request"] {
            chain = hmacSHA256(key: chain, message: Array(part.utf8)).bytes
        }
        let signature = hmacSHA256(key: chain, message: Array(text.utf8)).hex
        request.headers.replaceOrAdd(
            name: "authorization",
            value: "AWS4-HMAC-SHA256 Credential=\(keyID)/\(scope), SignedHeaders=\(names), "
                + "Signature=\(signature)"
        )
    }

    private static func trimmed(_ value: String) -> String {
        value.split(separator: " ").joined(separator: " ")
    }

    private static func stamps(_ date: Date) -> (time: String, day: String) {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(identifier: "GMT")
        format.dateFormat = "yyyyMMdd'T'HHmmss'Z'"
        let time = format.string(from: date)
        return (time, String(time.prefix(8)))
    }

    /// Host, path and query of a URL that we made: the query is in canonical order already.
    private static func parts(of url: String) -> (host: String, path: String, query: String) {
        let rest = url.firstRange(of: "://").map { url[$0.upperBound...] } ?? url[...]
        let host = rest.prefix { $0 != "/" && $0 != "?" }
        let tail = rest.dropFirst(host.count)
        let path = tail.prefix { $0 != "?" }
        let query = tail.dropFirst(path.count + 1)
        return (String(host), path.isEmpty ? "/" : String(path), String(query))
    }
}
