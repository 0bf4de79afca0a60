internal import AsyncHTTPClient
internal import Foundation
package import NIOCore
internal import NIOHTTP1
internal import SwarmModel
internal import SwarmWire

/// Files below a URL: a web server with Range requests, or a bucket when requests are signed.
///
/// The client given must not follow redirects. Only URLs below `base` are ever asked for, and what
/// an answer says is checked before a byte of it is handed on.
package struct HTTPOrigin: OriginSource {
    let client: HTTPClient
    /// Ends in a slash; already encoded.
    let base: String
    let signer: any RequestSigner
    let seen = SeenTags()

    /// Longest wait for the head of an answer.
    static let answerTimeout = TimeAmount.seconds(30)
    /// Longest body of a refusal that is looked at, in bytes.
    private static let refusalByteCountMax = 16 << 10

    init(client: HTTPClient, base: String, signer: any RequestSigner) {
        self.client = client
        self.base = base
        self.signer = signer
    }

    private func url(_ path: [String]) -> String {
        base + path.map { PercentCoding.encode($0.utf8) }.joined(separator: "/")
    }

    // MARK: Reading

    package func read(
        _ request: OriginRequest,
        _ take: @escaping @Sendable (ByteBuffer) async throws -> Void
    ) async throws {
        let response = try await execute(head(of: request))
        try await check(response, to: request)
        let expected = request.bytes.count
        var received = 0
        do {
            for try await chunk in response.body {
                received += chunk.readableBytes
                guard received <= expected else {
                    throw OriginError(.wrongRange("more than \(expected) bytes"))
                }
                try await take(chunk)
            }
        } catch let error as OriginError {
            throw error
        } catch let error as CancellationError {
            throw error
        } catch {
            throw OriginError(.cutShort(received: received, of: expected))
        }
        guard received == expected else {
            throw OriginError(.cutShort(received: received, of: expected))
        }
    }

    private func head(of request: OriginRequest) throws -> HTTPClientRequest {
        var http = HTTPClientRequest(url: url(request.path))
        http.headers.add(
            name: "range",
            value: "bytes=\(request.bytes.lowerBound)-\(request.bytes.upperBound - 1)"
        )
        // A range of an encoded body would be a range of something else.
        http.headers.add(name: "accept-encoding", value: "identity")
        if let tag = seen.tag(of: request.name), tag.hasPrefix("\"") {
            http.headers.add(name: "if-match", value: tag)
        }
        return http
    }

    /// Sends a request of which the head of the answer matters first.
    func execute(_ request: HTTPClientRequest) async throws -> HTTPClientResponse {
        var request = request
        try signer.sign(&request)
        do {
            let sent = request
            return try await withThrowingTaskGroup(of: HTTPClientResponse?.self) { group in
                group.addTask { try await client.execute(sent, deadline: .distantFuture) }
                group.addTask {
                    try await Task.sleep(for: .nanoseconds(Self.answerTimeout.nanoseconds))
                    return nil
                }
                defer { group.cancelAll() }
                guard let response = try await group.next() ?? nil else {
                    throw OriginError(.stalled)
                }
                return response
            }
        } catch let error as OriginError {
            throw error
        } catch {
            try Task.checkCancellation()
            throw OriginError(.unreachable("\(error)"))
        }
    }

    private func check(_ response: HTTPClientResponse, to request: OriginRequest) async throws {
        let headers = response.headers
        guard response.status == .partialContent else {
            throw OriginError(try await fault(of: response, to: request))
        }
        if let encoding = headers.first(name: "content-encoding"), encoding != "identity" {
            throw OriginError(.encoded(encoding))
        }
        let range = headers.first(name: "content-range") ?? ""
        guard let total = Self.total(of: range, expected: request.bytes) else {
            throw OriginError(.wrongRange("'\(range.prefix(80))'"))
        }
        guard total == request.length else {
            throw OriginError(.wrongLength(found: total, published: request.length))
        }
        if let length = headers.first(name: "content-length"), Int(length) != request.bytes.count {
            throw OriginError(.wrongRange("a body of \(length.prefix(20)) bytes"))
        }
        try seen.check(Self.tag(headers), of: request.name)
    }

    /// The length of the file from `Content-Range: bytes FIRST-LAST/TOTAL`; nil when the range is
    /// another.
    static func total(of value: String, expected: Range<Int>) -> Int? {
        let parts = value.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bytes" else { return nil }
        let numbers = parts[1].split(separator: "/", omittingEmptySubsequences: false)
        guard numbers.count == 2,
            numbers[0] == "\(expected.lowerBound)-\(expected.upperBound - 1)"
        else { return nil }
        return Int(numbers[1])
    }

    /// What names the state of a file: its entity tag, else the time of its change.
    private static func tag(_ headers: HTTPHeaders) -> String {
        headers.first(name: "etag") ?? headers.first(name: "last-modified") ?? ""
    }

    // MARK: Refusals

    func fault(
        of response: HTTPClientResponse,
        to request: OriginRequest
    ) async throws -> OriginFault {
        let status = Int(response.status.code)
        let what = "file '\(request.name)'"
        switch status {
        case 200:
            guard let before = seen.tag(of: request.name), before != Self.tag(response.headers)
            else { return .notPartial }
            seen.forget(request.name)
            return .changed("version of '\(request.name)'")
        case 412:
            seen.forget(request.name)
            return .changed("version of '\(request.name)'")
        case 416: return .wrongRange("status 416, as if the file were shorter")
        case 300..<400:
            return .redirected(to: response.headers.first(name: "location") ?? "")
        case 400, 401, 403:
            let code = await code(of: response)
            if status == 400, !Self.tokenRefusals.contains(code) {
                return .unexpected("status 400 for \(what)" + Self.inBrackets(code))
            }
            return .denied(what + Self.inBrackets(code))
        case 404, 410: return .missing(what + Self.inBrackets(await code(of: response)))
        case 429, 500, 502, 503, 504:
            return .busy(status: status, retryAfter: Self.retryAfter(response.headers))
        default:
            let code = Self.inBrackets(await code(of: response))
            return .unexpected("status \(status) for \(what)" + code)
        }
    }

    /// S3 refuses session tokens with status 400 (Amazon S3 API Reference, "Error responses").
    private static let tokenRefusals = ["InvalidToken", "ExpiredToken", "TokenRefreshRequired"]

    private static func inBrackets(_ code: String) -> String { code.isEmpty ? "" : " (\(code))" }

    /// S3's own word for the refusal; empty when there is none.
    private func code(of response: HTTPClientResponse) async -> String {
        guard let body = try? await response.body.collect(upTo: Self.refusalByteCountMax),
            let refusal = S3Codec.decodeRefusal(Array(body.readableBytesView))
        else { return "" }
        return refusal.code
    }

    /// RFC 9110: seconds, or a date.
    static func retryAfter(_ headers: HTTPHeaders, now: Date = Date()) -> Duration? {
        guard let text = headers.first(name: "retry-after") else { return nil }
        if let seconds = Int(text) { return seconds >= 0 ? .seconds(min(seconds, 86_400)) : nil }
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(identifier: "GMT")
        format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss zzz"
        guard let date = format.date(from: text) else { return nil }
        return .seconds(Int64(min(max(0, date.timeIntervalSince(now)), 86_400)))
    }

    // MARK: Lengths

    package func lengths(of paths: [[String]]) async throws -> [Int?] {
        var lengths: [Int?] = []
        for path in paths { lengths.append(try await length(of: path)) }
        return lengths
    }

    private func length(of path: [String]) async throws -> Int? {
        var http = HTTPClientRequest(url: url(path))
        http.method = .HEAD
        http.headers.add(name: "accept-encoding", value: "identity")
        let response = try await execute(http)
        if response.status == .notFound || response.status == .gone { return nil }
        let request = OriginRequest(path: path, bytes: 0..<0, length: 0)
        guard response.status == .ok else {
            throw OriginError(try await fault(of: response, to: request))
        }
        guard let length = response.headers.first(name: "content-length").flatMap({ Int($0) })
        else {
            throw OriginError(.unexpected("no length of '\(request.name)'"))
        }
        return length
    }
}
