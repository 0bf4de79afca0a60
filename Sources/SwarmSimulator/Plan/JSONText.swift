/// A JSON document as a tree that remembers where each value stands, so that an error can name the
/// line. Objects keep the order of their fields, and a key that comes twice is an error.
package indirect enum JSONText: Hashable, Sendable {
    case null(line: Int)
    case bool(Bool, line: Int)
    case number(Double, line: Int)
    case string(String, line: Int)
    case array([JSONText], line: Int)
    case object([Field], line: Int)

    package struct Field: Hashable, Sendable {
        package var key: String
        package var value: JSONText
        package var line: Int
    }

    package var line: Int {
        switch self {
        case .null(let line), .bool(_, let line), .number(_, let line), .string(_, let line),
            .array(_, let line), .object(_, let line):
            line
        }
    }

    /// What kind of value it is, for messages.
    package var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a truth value"
        case .number: "a number"
        case .string: "a text"
        case .array: "a list"
        case .object: "an object"
        }
    }

    /// Longest document read, and deepest nesting: both far beyond any plan.
    package static let byteCountMax = 1 << 20
    package static let depthMax = 32

    package init(_ bytes: [UInt8]) throws(PlanError) {
        guard bytes.count <= Self.byteCountMax else {
            throw PlanError(line: 1, what: "longer than \(Self.byteCountMax) bytes")
        }
        var parser = JSONParser(bytes: bytes)
        self = try parser.document()
    }
}

/// Why a plan cannot be used: the line, and the key where there is one.
package struct PlanError: Error, Hashable, Sendable, CustomStringConvertible {
    package var line: Int
    /// Path of the key, such as `model.pieceLength`; empty for the text as a whole.
    package var key: String
    package var what: String

    package init(line: Int, key: String = "", what: String) {
        self.line = line
        self.key = key
        self.what = what
    }

    package var description: String {
        "line \(line): " + (key.isEmpty ? what : "'\(key)' \(what)")
    }
}

/// Recursive descent over RFC 8259.
private struct JSONParser {
    let bytes: [UInt8]
    var position = 0
    var line = 1
    var depth = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() throws(PlanError) -> JSONText {
        let value = try self.value()
        skipSpace()
        guard position == bytes.count else { throw failure("text after the end of the object") }
        return value
    }

    private func failure(_ what: String) -> PlanError { PlanError(line: line, what: what) }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = next {
            if byte == UInt8(ascii: "\n") { line += 1 }
            guard [0x20, 0x09, 0x0A, 0x0D].contains(byte) else { return }
            position += 1
        }
    }

    private mutating func accept(_ byte: Character) -> Bool {
        guard let wanted = byte.asciiValue, next == wanted else { return false }
        position += 1
        return true
    }

    private mutating func value() throws(PlanError) -> JSONText {
        skipSpace()
        guard depth < JSONText.depthMax else {
            throw failure("nested deeper than \(JSONText.depthMax) levels")
        }
        depth += 1
        defer { depth -= 1 }
        let start = line
        switch next {
        case UInt8(ascii: "{"): return try object(start)
        case UInt8(ascii: "["): return try array(start)
        case UInt8(ascii: "\""): return .string(try string(), line: start)
        case UInt8(ascii: "t"): return try word("true", .bool(true, line: start))
        case UInt8(ascii: "f"): return try word("false", .bool(false, line: start))
        case UInt8(ascii: "n"): return try word("null", .null(line: start))
        case nil: throw failure("the text ends in the middle")
        default: return .number(try number(), line: start)
        }
    }

    private mutating func word(_ text: String, _ value: JSONText) throws(PlanError) -> JSONText {
        guard bytes[position...].starts(with: text.utf8) else { throw failure("not a JSON value") }
        position += text.utf8.count
        return value
    }

    private mutating func object(_ start: Int) throws(PlanError) -> JSONText {
        position += 1
        var fields: [JSONText.Field] = []
        skipSpace()
        if accept("}") { return .object(fields, line: start) }
        while true {
            skipSpace()
            let line = self.line
            guard next == UInt8(ascii: "\"") else { throw failure("a key must be a text") }
            let key = try string()
            guard !fields.contains(where: { $0.key == key }) else {
                throw PlanError(line: line, key: key, what: "is there twice")
            }
            skipSpace()
            guard accept(":") else { throw failure("no ':' after the key '\(key)'") }
            fields.append(.init(key: key, value: try value(), line: line))
            skipSpace()
            if accept("}") { return .object(fields, line: start) }
            guard accept(",") else { throw failure("neither ',' nor '}' after a value") }
        }
    }

    private mutating func array(_ start: Int) throws(PlanError) -> JSONText {
        position += 1
        var items: [JSONText] = []
        skipSpace()
        if accept("]") { return .array(items, line: start) }
        while true {
            items.append(try value())
            skipSpace()
            if accept("]") { return .array(items, line: start) }
            guard accept(",") else { throw failure("neither ',' nor ']' after a value") }
        }
    }

    private mutating func string() throws(PlanError) -> String {
        position += 1
        var result: [UInt8] = []
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: result, as: UTF8.self) else {
                    throw failure("a text that is not UTF-8")
                }
                return text
            case UInt8(ascii: "\\"): result += Array(String(try escaped()).utf8)
            case 0..<0x20: throw failure("a control character in a text")
            default: result.append(byte)
            }
        }
        throw failure("a text without an end")
    }

    private mutating func escaped() throws(PlanError) -> Character {
        let escapes: [(Character, Character)] = [
            ("\"", "\""), ("\\", "\\"), ("/", "/"), ("b", "\u{8}"), ("f", "\u{C}"), ("n", "\n"),
            ("r", "\r"), ("t", "\t"),
        ]
        for (name, meaning) in escapes where accept(name) { return meaning }
        guard accept("u"), position + 4 <= bytes.count,
            let code = UInt32(
                String(decoding: bytes[position..<position + 4], as: UTF8.self),
                radix: 16
            ), let scalar = Unicode.Scalar(code)
        else { throw failure("an escape that is not known, or half of a pair") }
        position += 4
        return Character(scalar)
    }

    private mutating func number() throws(PlanError) -> Double {
        let start = position
        while let byte = next, "+-.eE0123456789".utf8.contains(byte) { position += 1 }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        guard let number = Double(text), number.isFinite, text.first != "+", text.first != "."
        else {
            throw failure("not a JSON value")
        }
        return number
    }
}
