package import AsyncHTTPClient
package import SwarmModel
internal import SwarmWire

/// Why a tracker could not be asked, or its answer not be used.
package struct TrackerClientError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// Not an HTTP URL.
        case badURL
        case unreachable
        case timeout
        /// An answer with a status other than success.
        case status(Int)
        /// An answer that cannot be read, or is too long.
        case badAnswer
    }

    package var code: Code
    package var url: String
    /// Names the URL, what happened, and the remedy.
    package var message: String

    package var description: String { message }

    package init(code: Code, url: String, message: String) {
        self.code = code
        self.url = url
        self.message = message
    }
}

/// Announces to HTTP trackers, ours and others'.
package struct TrackerClient: Sendable {
    package struct Settings: Hashable, Sendable {
        /// From the request to the last byte of the answer.
        package var timeout: Duration = .seconds(10)
        /// Longest answer, in bytes: a page of our roster at its longest.
        package var responseByteCountMax: Int = 4 << 20
        /// The address to come from, as text; nil lets the system choose. Trackers take it for the
        /// address where we listen.
        package var localAddress: String?

        package init() {}
    }

    private let http: HTTPRequests
    private let localAddress: String?

    /// `client` should not follow redirects, as ``AsyncHTTPClient/HTTPClient/Configuration/shoal``
    /// does not.
    package init(client: HTTPClient, settings: Settings = .init()) {
        localAddress = settings.localAddress
        http = HTTPRequests(
            client: client,
            timeout: settings.timeout,
            responseByteCountMax: settings.responseByteCountMax
        )
    }

    /// Announces to the tracker at `url`. A refusal by the tracker is an answer, not an error.
    package func announce(
        _ request: AnnounceRequest,
        to url: String
    ) async throws -> AnnounceResponse {
        let answer = try await get(AnnounceCodec.requestURL(request, tracker: url), named: url)
        do throws(AnnounceResponseError) {
            return try AnnounceCodec.decodeResponse(answer)
        } catch {
            throw unreadable(url, error)
        }
    }

    /// The counts of swarms (BEP 48). A tracker whose URL does not end in `announce` has no scrape.
    package func scrape(_ swarms: [SwarmID], at url: String) async throws -> [ScrapeEntry] {
        guard let scrapeURL = TrackerURL.scrape(announce: url) else {
            throw TrackerClientError(
                code: .badURL,
                url: url,
                message:
                    "the tracker at \(url) cannot be scraped: its URL has no 'announce' to replace"
            )
        }
        let query = AnnounceCodec.encodeScrapeRequest(swarms)
        let whole = TrackerURL.appending(query: query, to: scrapeURL)
        let answer = try await get(whole, named: scrapeURL)
        do throws(AnnounceResponseError) {
            return try AnnounceCodec.decodeScrapeResponse(answer)
        } catch {
            throw unreadable(scrapeURL, error)
        }
    }

    private func get(_ url: String, named name: String) async throws -> [UInt8] {
        var request = HTTPClientRequest(url: url)
        request.localAddress = localAddress
        let answer = try await http.send(request, named: name)
        guard answer.status == 200 else {
            throw TrackerClientError(
                code: .status(answer.status),
                url: name,
                message: "the tracker at \(name) answered with status \(answer.status); "
                    + "check that the URL is its announce URL"
            )
        }
        return answer.body
    }

    private func unreadable(_ url: String, _ error: AnnounceResponseError) -> TrackerClientError {
        TrackerClientError(
            code: .badAnswer,
            url: url,
            message: "the answer of the tracker at \(url) cannot be used: \(error)"
        )
    }
}
