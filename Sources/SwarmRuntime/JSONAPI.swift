import Foundation
package import Hummingbird
package import NIOCore

/// A refusal of a JSON API: `{"error": {"code", "message"}}`.
package struct APIError: HTTPResponseError, Hashable {
    package var status: HTTPResponse.Status
    /// For programs: stable, in lower case with hyphens.
    package var code: String
    /// For people: what was wrong with which thing, and the remedy.
    package var message: String
    package var headers = HTTPFields()

    package init(
        status: HTTPResponse.Status,
        code: String,
        message: String,
        headers: HTTPFields = HTTPFields()
    ) {
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers
    }

    package static let insufficientStorage = HTTPResponse.Status(
        code: 507,
        reasonPhrase: "Insufficient Storage"
    )

    package func response(
        from request: Request,
        context: some RequestContext
    ) throws -> Response {
        let body = APIErrorBody(error: .init(code: code, message: message))
        var response = try JSONReply.response(body, status: status)
        for field in headers { response.headers[field.name] = field.value }
        return response
    }
}

/// The body of a refusal, as clients read it.
package struct APIErrorBody: Codable, Sendable {
    package struct Content: Codable, Sendable {
        package var code: String
        package var message: String
    }
    package var error: Content
}

/// Answers of a JSON API.
package enum JSONReply {
    /// One line with sorted keys, so that equal answers are equal text.
    package static func line(_ value: some Encodable) throws -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return ByteBuffer(bytes: try encoder.encode(value) + Data([10]))
    }

    package static func response(
        _ value: some Encodable,
        status: HTTPResponse.Status = .ok
    ) throws -> Response {
        Response(
            status: status,
            headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: try line(value))
        )
    }
}
