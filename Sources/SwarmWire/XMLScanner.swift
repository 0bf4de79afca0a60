/// Reads the plain XML of S3's answers: elements and text. Attributes, comments and processing
/// instructions are skipped; document types, and with them entities of their own, are refused.
struct XMLScanner {
    enum Event: Hashable {
        case start(String)
        case end
        case text(String)
    }

    private let bytes: [UInt8]
    private var at = 0
    private var depth = 0
    /// A self-closing element owes its end.
    private var owesEnd = false
    /// Deepest nesting read: S3's answers have four levels.
    static let depthMax = 16

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Nil at the end of the document.
    mutating func next() throws(XMLFlaw) -> Event? {
        if owesEnd {
            owesEnd = false
            depth -= 1
            return .end
        }
        while at < bytes.count {
            guard bytes[at] == UInt8(ascii: "<") else { return .text(try text()) }
            if starts("<?") {
                try skip(past: "?>")
            } else if starts("<!--") {
                try skip(past: "-->")
            } else if starts("<!") {
                throw XMLFlaw("a document type or a marked section", at: at)
            } else if starts("</") {
                try skip(past: ">")
                depth -= 1
                guard depth >= 0 else { throw XMLFlaw("an end without a start", at: at) }
                return .end
            } else {
                return try start()
            }
        }
        guard depth == 0 else { throw XMLFlaw("the end inside of an element", at: at) }
        return nil
    }

    private mutating func start() throws(XMLFlaw) -> Event {
        let begin = at + 1
        try skip(past: ">")
        var end = at - 1
        depth += 1
        guard depth <= Self.depthMax else { throw XMLFlaw("too deep", at: begin) }
        if end > begin, bytes[end - 1] == UInt8(ascii: "/") {
            owesEnd = true
            end -= 1
        }
        let name = bytes[begin..<end].prefix { !Self.isSpace($0) }
        guard !name.isEmpty else { throw XMLFlaw("an element without a name", at: begin) }
        // Prefixes of name spaces do not matter.
        let local = name.split(separator: UInt8(ascii: ":")).last ?? name
        return .start(String(decoding: local, as: UTF8.self))
    }

    private mutating func text() throws(XMLFlaw) -> String {
        let begin = at
        var decoded: [UInt8] = []
        while at < bytes.count, bytes[at] != UInt8(ascii: "<") {
            if bytes[at] == UInt8(ascii: "&") {
                decoded += try entity()
            } else {
                decoded.append(bytes[at])
                at += 1
            }
        }
        guard let text = String(validating: decoded, as: UTF8.self) else {
            throw XMLFlaw("text that is not UTF-8", at: begin)
        }
        return text
    }

    private mutating func entity() throws(XMLFlaw) -> [UInt8] {
        let begin = at
        let body = bytes[(at + 1)...].prefix(10)
        guard let semicolon = body.firstIndex(of: UInt8(ascii: ";")) else {
            throw XMLFlaw("an ampersand alone", at: begin)
        }
        at = semicolon + 1
        let name = String(decoding: bytes[begin + 1..<semicolon], as: UTF8.self)
        switch name {
        case "amp": return Array("&".utf8)
        case "lt": return Array("<".utf8)
        case "gt": return Array(">".utf8)
        case "quot": return Array("\"".utf8)
        case "apos": return Array("'".utf8)
        default: break
        }
        let isHex = name.hasPrefix("#x") || name.hasPrefix("#X")
        let digits = name.dropFirst(isHex ? 2 : 1)
        guard name.hasPrefix("#"), let number = UInt32(digits, radix: isHex ? 16 : 10),
            number > 0, let scalar = Unicode.Scalar(number)
        else { throw XMLFlaw("an unknown entity", at: begin) }
        return Array(String(Character(scalar)).utf8)
    }

    private func starts(_ text: StaticString) -> Bool {
        text.withUTF8Buffer { bytes[at...].starts(with: $0) }
    }

    private mutating func skip(past text: StaticString) throws(XMLFlaw) {
        let begin = at
        while at < bytes.count {
            if starts(text) {
                at += text.utf8CodeUnitCount
                return
            }
            at += 1
        }
        throw XMLFlaw("the end inside of a tag", at: begin)
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 32 || (9...13).contains(byte)
    }
}

/// Why an answer is no XML that we read, and where.
package struct XMLFlaw: Error, Hashable, Sendable, CustomStringConvertible {
    package let what: String
    package let offset: Int

    init(_ what: String, at offset: Int) {
        self.what = what
        self.offset = offset
    }

    package var description: String { "\(what) at byte \(offset)" }
}
