/// One page of an S3 listing (ListObjectsV2).
package struct S3Page: Hashable, Sendable {
    package struct Object: Hashable, Sendable {
        package var key: String
        package var size: Int
        /// With its quotes; empty when the server names none.
        package var tag: String
    }

    package var objects: [Object] = []
    package var isTruncated = false
    package var nextToken: String?
}

/// What S3 says when it refuses, such as `NoSuchKey`.
package struct S3Refusal: Hashable, Sendable {
    package var code: String
    package var message: String

    package init(code: String, message: String) {
        self.code = code
        self.message = message
    }
}

/// Why an answer of an S3 server cannot be used.
package enum S3AnswerError: Error, Hashable, Sendable, CustomStringConvertible {
    case tooLong(bytes: Int)
    case xml(XMLFlaw)
    case notAListing(String)
    case size(String)
    case tooManyObjects
    case keyTooLong(bytes: Int)
    /// More pages are promised and there is no way to ask for them.
    case noToken

    package var description: String {
        switch self {
        case .tooLong(let bytes): "an answer of \(bytes) bytes"
        case .xml(let flaw): "XML that cannot be read: \(flaw)"
        case .notAListing(let name): "'\(name.prefix(40))' where a listing was expected"
        case .size(let text): "a size of '\(text.prefix(40))'"
        case .tooManyObjects: "more than \(S3Codec.objectsMax) objects in one page"
        case .keyTooLong(let bytes): "a key of \(bytes) bytes"
        case .noToken: "a truncated listing without a token to go on"
        }
    }
}

/// Answers of an S3 server to values.
package enum S3Codec {
    /// Longest page that is read: 1,000 objects of the longest keys, and as much again.
    package static let byteCountMax = 4 << 20
    /// S3 gives 1,000 at most.
    package static let objectsMax = 10_000
    /// S3's own limit.
    package static let keyByteCountMax = 1024

    package static func decodePage(_ bytes: [UInt8]) throws(S3AnswerError) -> S3Page {
        guard bytes.count <= byteCountMax else { throw .tooLong(bytes: bytes.count) }
        var page = S3Page()
        var object: S3Page.Object?
        var path: [String] = []
        var text = ""
        var isListing = false
        var scanner = XMLScanner(bytes)
        while let event = try next(&scanner) {
            switch event {
            case .start(let name):
                if path.isEmpty, name != "ListBucketResult" { throw .notAListing(name) }
                isListing = true
                path.append(name)
                text = ""
                if path.count == 2, name == "Contents" {
                    guard page.objects.count < objectsMax else { throw .tooManyObjects }
                    object = S3Page.Object(key: "", size: -1, tag: "")
                }
            case .text(let more): text += more
            case .end:
                let name = path.popLast() ?? ""
                if path.count == 2, object != nil {
                    try set(name, text, &object)
                } else if path.count == 1 {
                    if name == "Contents", let done = object {
                        guard done.size >= 0 else { throw .size("") }
                        page.objects.append(done)
                        object = nil
                    }
                    if name == "IsTruncated" { page.isTruncated = text == "true" }
                    if name == "NextContinuationToken" { page.nextToken = text }
                }
                text = ""
            }
        }
        guard isListing else { throw .notAListing("nothing") }
        if page.isTruncated, page.nextToken?.isEmpty ?? true { throw .noToken }
        return page
    }

    private static func set(
        _ name: String,
        _ text: String,
        _ object: inout S3Page.Object?
    ) throws(S3AnswerError) {
        switch name {
        case "Key":
            guard text.utf8.count <= keyByteCountMax else {
                throw .keyTooLong(bytes: text.utf8.count)
            }
            object?.key = text
        case "Size":
            guard let size = Int(text), size >= 0 else { throw .size(text) }
            object?.size = size
        case "ETag": object?.tag = text
        default: break
        }
    }

    /// Nil when the answer is no refusal of S3's form.
    package static func decodeRefusal(_ bytes: [UInt8]) -> S3Refusal? {
        guard bytes.count <= byteCountMax else { return nil }
        var scanner = XMLScanner(bytes)
        var refusal = S3Refusal(code: "", message: "")
        var path: [String] = []
        var text = ""
        while let event = try? scanner.next() {
            switch event {
            case .start(let name):
                if path.isEmpty, name != "Error" { return nil }
                path.append(name)
                text = ""
            case .text(let more): text += more
            case .end:
                let name = path.popLast() ?? ""
                if path.count == 1, name == "Code" { refusal.code = String(text.prefix(64)) }
                if path.count == 1, name == "Message" { refusal.message = String(text.prefix(200)) }
                text = ""
            }
        }
        return refusal.code.isEmpty ? nil : refusal
    }

    private static func next(
        _ scanner: inout XMLScanner
    ) throws(S3AnswerError) -> XMLScanner.Event? {
        do throws(XMLFlaw) {
            return try scanner.next()
        } catch {
            throw .xml(error)
        }
    }
}
