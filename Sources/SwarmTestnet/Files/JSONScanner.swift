/// Reads JSON (RFC 8259) strictly: no comments, no trailing commas, and no name twice in an object,
/// since one of the two values would silently not count.
struct JSONScanner {
    /// Deepest nesting: a scenario needs five, and each level costs stack.
    static let depthMax = 32
    /// Longest text: a file that people write.
    static let byteCountMax = 1 << 20

    private let file: String
    private let bytes: [UInt8]
    private var offset = 0
    private var line = 1

    static func scan(_ bytes: [UInt8], file: String) throws(FileFlaw) -> JSONNode {
        var scanner = JSONScanner(file: file, bytes: bytes)
        guard bytes.count <= byteCountMax else {
            throw scanner.flaw("is longer than \(byteCountMax) bytes")
        }
        let node = try scanner.value(depth: 0)
        scanner.skipSpace()
        guard scanner.offset == bytes.count else {
            throw scanner.flaw("there is more after the end of the value")
        }
        return node
    }

    private init(file: String, bytes: [UInt8]) {
        self.file = file
        self.bytes = bytes
    }

    private func flaw(_ reason: String) -> FileFlaw {
        FileFlaw(file: file, key: "", line: line, reason: reason)
    }

    private var next: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
            if byte == 0x0A { line += 1 }
            offset += 1
        }
    }

    private mutating func take(_ character: Character) -> Bool {
        guard next == character.asciiValue else { return false }
        offset += 1
        return true
    }

    private mutating func expect(_ character: Character) throws(FileFlaw) {
        guard take(character) else {
            let found = next.map { "'\(Character(UnicodeScalar($0)))'" } ?? "the end"
            throw flaw("expected '\(character)', found \(found)")
        }
    }

    private mutating func value(depth: Int) throws(FileFlaw) -> JSONNode {
        skipSpace()
        guard depth <= Self.depthMax else { throw flaw("is nested too deeply") }
        let line = line
        switch next {
        case UInt8(ascii: "{"): return JSONNode(value: try object(depth: depth), line: line)
        case UInt8(ascii: "["): return JSONNode(value: try array(depth: depth), line: line)
        case UInt8(ascii: "\""): return JSONNode(value: .string(try string()), line: line)
        case UInt8(ascii: "t"): return JSONNode(value: try word("true", .bool(true)), line: line)
        case UInt8(ascii: "f"): return JSONNode(value: try word("false", .bool(false)), line: line)
        case UInt8(ascii: "n"): return JSONNode(value: try word("null", .null), line: line)
        default: return JSONNode(value: .number(try number()), line: line)
        }
    }

    private mutating func word(
        _ text: String,
        _ value: JSONNode.Value
    ) throws(FileFlaw) -> JSONNode.Value {
        guard bytes[offset...].starts(with: text.utf8) else { throw flaw("expected '\(text)'") }
        offset += text.utf8.count
        return value
    }

    private mutating func object(depth: Int) throws(FileFlaw) -> JSONNode.Value {
        try expect("{")
        var members: [JSONNode.Member] = []
        skipSpace()
        if take("}") { return .object(members) }
        repeat {
            skipSpace()
            let name = try string()
            if members.contains(where: { $0.name == name }) {
                throw flaw("the key '\(name)' is there twice")
            }
            skipSpace()
            try expect(":")
            members.append(.init(name: name, node: try value(depth: depth + 1)))
            skipSpace()
        } while take(",")
        try expect("}")
        return .object(members)
    }

    private mutating func array(depth: Int) throws(FileFlaw) -> JSONNode.Value {
        try expect("[")
        var elements: [JSONNode] = []
        skipSpace()
        if take("]") { return .array(elements) }
        repeat {
            elements.append(try value(depth: depth + 1))
            skipSpace()
        } while take(",")
        try expect("]")
        return .array(elements)
    }

    private mutating func number() throws(FileFlaw) -> Double {
        let start = offset
        while let byte = next, Self.isPartOfNumber(byte) { offset += 1 }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        let isWritten = text.first.map { $0 == "-" || $0.isNumber } ?? false
        guard isWritten, let number = Double(text), number.isFinite else {
            throw flaw(text.isEmpty ? "expected a value" : "'\(text)' is not a number")
        }
        return number
    }

    private static func isPartOfNumber(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || [0x2B, 0x2D, 0x2E, 0x45, 0x65].contains(byte)
    }

    private mutating func string() throws(FileFlaw) -> String {
        try expect("\"")
        var text: [UInt8] = []
        while let byte = next {
            offset += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw flaw("a text is not valid UTF-8")
                }
                return string
            case UInt8(ascii: "\\"): text += try escape()
            case 0..<0x20: throw flaw("a control character in a text")
            default: text.append(byte)
            }
        }
        throw flaw("a text has no end")
    }

    private mutating func escape() throws(FileFlaw) -> [UInt8] {
        guard let byte = next else { throw flaw("a text has no end") }
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"):
            let digits = String(decoding: bytes[offset...].prefix(4), as: UTF8.self)
            // Characters beyond the basic plane are written as themselves.
            guard digits.utf8.count == 4, let code = UInt32(digits, radix: 16),
                let scalar = UnicodeScalar(code)
            else { throw flaw("'\\u\(digits)' is no character") }
            offset += 4
            return Array(String(Character(scalar)).utf8)
        default: throw flaw("'\\\(Character(UnicodeScalar(byte)))' is no escape")
        }
    }
}
