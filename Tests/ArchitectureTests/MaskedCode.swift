/// Swift source in which comments and the contents of string literals are spaces, so that a search
/// finds code alone. Offsets and line numbers stay what they were. Code inside of an interpolation
/// is blanked with its string.
struct MaskedCode: Sendable {
    private(set) var bytes: [UInt8]
    /// Offset of the first byte of each line.
    let lineStarts: [Int]

    init(_ text: String) {
        bytes = Array(text.utf8)
        var starts = [0]
        for (offset, byte) in bytes.enumerated() where byte == newline {
            starts.append(offset + 1)
        }
        lineStarts = starts
        var offset = 0
        while offset < bytes.count { offset = maskedEnd(from: offset) }
    }

    /// Text in which nothing is blanked.
    init(bare text: String) {
        bytes = Array(text.utf8)
        lineStarts = [0]
    }

    var text: String { String(decoding: bytes, as: UTF8.self) }

    /// The 1-based number of the line that has this offset.
    func line(at offset: Int) -> Int {
        var low = 0
        var high = lineStarts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if lineStarts[middle] <= offset { low = middle } else { high = middle }
        }
        return low + 1
    }

    /// Blanks the comment or literal that starts here, and returns where to go on.
    private mutating func maskedEnd(from offset: Int) -> Int {
        switch bytes[offset] {
        case UInt8(ascii: "/"), UInt8(ascii: "#"), UInt8(ascii: "\""): break
        default: return offset + 1
        }
        if starts(with: "//", at: offset) {
            return blank(from: offset, to: endOfLine(offset))
        }
        if starts(with: "/*", at: offset) {
            return blank(from: offset, to: endOfBlockComment(offset))
        }
        var hashes = 0
        while starts(with: "#", at: offset + hashes) { hashes += 1 }
        let quote = offset + hashes
        guard starts(with: "\"", at: quote) else { return offset + max(1, hashes) }
        let delimiter = starts(with: "\"\"\"", at: quote) ? "\"\"\"" : "\""
        let body = quote + delimiter.utf8.count
        let end = endOfString(body, delimiter + String(repeating: "#", count: hashes), hashes)
        _ = blank(from: body, to: end.body)
        return end.after
    }

    private func endOfLine(_ offset: Int) -> Int {
        bytes[offset...].firstIndex(of: newline) ?? bytes.count
    }

    private func endOfBlockComment(_ start: Int) -> Int {
        var depth = 0
        var offset = start
        while offset < bytes.count {
            if starts(with: "/*", at: offset) {
                depth += 1
                offset += 2
            } else if starts(with: "*/", at: offset) {
                depth -= 1
                offset += 2
                if depth == 0 { return offset }
            } else {
                offset += 1
            }
        }
        return offset
    }

    /// Where the body of a literal ends, and what follows its closing delimiter.
    private func endOfString(
        _ start: Int,
        _ closing: String,
        _ hashes: Int
    ) -> (body: Int, after: Int) {
        let escape = "\\" + String(repeating: "#", count: hashes)
        var offset = start
        while offset < bytes.count {
            switch bytes[offset] {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), newline: break
            default:
                offset += 1
                continue
            }
            if starts(with: closing, at: offset) {
                return (offset, offset + closing.utf8.count)
            }
            // An unterminated literal of one line: the compiler refuses it anyway.
            if bytes[offset] == newline, !closing.hasPrefix("\"\"\"") { return (offset, offset) }
            if starts(with: escape + "(", at: offset) {
                offset = endOfInterpolation(offset + escape.utf8.count)
            } else if starts(with: escape, at: offset) {
                offset += escape.utf8.count + 1
            } else {
                offset += 1
            }
        }
        return (min(offset, bytes.count), min(offset, bytes.count))
    }

    /// The offset after the parenthesis that closes the one here; strings inside may hold more of
    /// them.
    private func endOfInterpolation(_ start: Int) -> Int {
        var depth = 0
        var offset = start
        while offset < bytes.count {
            switch bytes[offset] {
            case UInt8(ascii: "("): depth += 1
            case UInt8(ascii: ")"):
                depth -= 1
                if depth == 0 { return offset + 1 }
            case UInt8(ascii: "\""):
                offset = endOfString(offset + 1, "\"", 0).after
                continue
            default: break
            }
            offset += 1
        }
        return offset
    }

    private mutating func blank(from start: Int, to end: Int) -> Int {
        for offset in start..<min(end, bytes.count) where bytes[offset] != newline {
            bytes[offset] = UInt8(ascii: " ")
        }
        return max(end, start + 1)
    }

    func starts(with text: String, at offset: Int) -> Bool {
        bytes[min(offset, bytes.count)...].starts(with: text.utf8)
    }
}

private let newline = UInt8(ascii: "\n")

extension UInt8 {
    /// Part of an identifier; bytes above ASCII count as letters.
    var isIdentifierByte: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 128...:
            true
        default: false
        }
    }

    var isUpperCase: Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) }
    var isSpace: Bool { self == newline || self == 32 || self == 9 }
}
