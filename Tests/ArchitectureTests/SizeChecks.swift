/// How large things may grow: the tail is what spoils a tree.
enum SizeChecks {
    static let columnsMax = 100
    static let functionLinesMax = 70
    static let sourceLinesMax = 500
    static let testLinesMax = 800

    static func findings(in file: SourceFile) -> [Finding] {
        longLines(in: file) + longFunctions(in: file)
            + longFile(file, file.path.hasPrefix("Tests/") ? testLinesMax : sourceLinesMax)
    }

    static func longFile(_ file: SourceFile, _ limit: Int) -> [Finding] {
        // A final newline begins no line.
        let count = file.lines.count - (file.lines.last == "" ? 1 : 0)
        guard count > limit else { return [] }
        let message = "\(count) lines; split it along a concept (at most \(limit))"
        return [Finding(path: file.path, line: count, message: message)]
    }

    static func longLines(in file: SourceFile) -> [Finding] {
        file.lines.enumerated().filter {
            // Few lines are worth a count of their characters.
            $0.element.utf8.count > columnsMax && $0.element.count > columnsMax
        }.map { index, line in
            let message = "\(line.count) columns; at most \(columnsMax)"
            return Finding(path: file.path, line: index + 1, message: message)
        }
    }

    static func longFunctions(in file: SourceFile) -> [Finding] {
        functions(in: file.code).filter { $0.lines > functionLinesMax }.map { function in
            Finding(
                path: file.path,
                line: function.line,
                message: "a function of \(function.lines) lines; at most \(functionLinesMax)"
            )
        }
    }

    /// Functions, initialisers and subscripts with a body: where they begin, and how many lines
    /// they have from the declaration to the closing brace.
    static func functions(in code: MaskedCode) -> [(line: Int, lines: Int)] {
        let keywords = ["func", "init", "deinit", "subscript"].map { BannedToken($0, "") }
        return BannedToken.offsets(of: keywords, in: code).compactMap { _, offset in
            // A call, such as `self.init(…)` or `.init(…)`.
            if offset > 0, code.bytes[offset - 1] == UInt8(ascii: ".") { return nil }
            guard let open = bodyStart(code.bytes, after: offset),
                let close = closingBrace(code.bytes, open)
            else { return nil }
            let first = code.line(at: offset)
            return (first, code.line(at: close) - first + 1)
        }
    }

    /// The brace that opens the body; nil for a requirement of a protocol, which has none.
    private static func bodyStart(_ bytes: [UInt8], after start: Int) -> Int? {
        var depth = 0
        var offset = start
        var line: [UInt8] = []
        while offset < bytes.count {
            if depth == 0, !bytes[offset].isIdentifierByte, isDeclaration(line) { return nil }
            switch bytes[offset] {
            case UInt8(ascii: "("), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: ")"), UInt8(ascii: "]"): depth -= 1
            // The end of the protocol, or of the type that the requirement is in.
            case UInt8(ascii: "}") where depth == 0: return nil
            case UInt8(ascii: "{") where depth == 0: return offset
            case UInt8(ascii: "\n") where depth == 0: line = []
            default: break
            }
            line.append(bytes[offset])
            offset += 1
        }
        return nil
    }

    /// Whether a whole line so far begins another declaration: the one before it had no body.
    private static func isDeclaration(_ line: [UInt8]) -> Bool {
        guard line.first == UInt8(ascii: "\n"), line.last?.isIdentifierByte == true else {
            return false
        }
        let words = line.split { !$0.isIdentifierByte }
        return words.count == 1 && declarations.contains(String(decoding: words[0], as: UTF8.self))
    }

    private static let declarations = [
        "func", "var", "let", "init", "deinit", "subscript", "associatedtype", "typealias",
        "static", "mutating", "package", "struct", "enum", "class", "actor", "extension", "case",
    ]

    private static func closingBrace(_ bytes: [UInt8], _ open: Int) -> Int? {
        var depth = 0
        for offset in open..<bytes.count {
            if bytes[offset] == UInt8(ascii: "{") { depth += 1 }
            if bytes[offset] == UInt8(ascii: "}") { depth -= 1 }
            if depth == 0 { return offset }
        }
        return nil
    }
}
