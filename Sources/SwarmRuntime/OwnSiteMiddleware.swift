package import Hummingbird

/// Refuses to change anything for a page of another web site that somebody with a browser looks at.
///
/// A browser lets every page send requests to any address that it reaches, and says where the page
/// is from: in `Sec-Fetch-Site`, which it leaves out of plain HTTP to other hosts, and in `Origin`.
/// Programs that are no browsers send neither, and are not concerned.
package struct OwnSiteMiddleware<Context: RequestContext>: RouterMiddleware {
    package init() {}

    package func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        if let site = Self.foreignSite(of: request) {
            throw APIError(
                status: .forbidden,
                code: "foreign-site",
                message: "a page of \(site) asked for this, and only pages from here may change "
                    + "anything; a proxy in between must keep the Host header"
            )
        }
        return try await next(request, context)
    }

    /// Nil when the request may be answered.
    private static func foreignSite(of request: Request) -> String? {
        switch request.method {
        case .get, .head, .options: return nil
        default: break
        }
        let origin = request.headers[.origin]
        let site = origin.map { "'\($0.prefix(200))'" } ?? "another site"
        switch request.headers.first(where: { $0.name.canonicalName == "sec-fetch-site" })?.value {
        case "same-origin", "none": return nil
        case nil: break
        default: return site
        }
        guard let origin else { return nil }
        return WebOrigin.isOwn(origin, authority: request.head.authority) ? nil : site
    }
}

/// Origins of pages, `http://HOST:PORT` (RFC 6454, section 6.2).
enum WebOrigin {
    /// Whether it is the place that the request was sent to. `null` is nobody's.
    static func isOwn(_ origin: String, authority: String?) -> Bool {
        guard let authority, let mark = origin.firstRange(of: "://") else { return false }
        let port = origin[..<mark.lowerBound] == "https" ? ":443" : ":80"
        func place(_ text: some StringProtocol) -> Substring {
            let text = Substring(text.lowercased())
            // The port that is meant anyway may be left out.
            return text.hasSuffix(port) ? text.dropLast(port.count) : text
        }
        return place(origin[mark.upperBound...]) == place(authority)
    }
}
