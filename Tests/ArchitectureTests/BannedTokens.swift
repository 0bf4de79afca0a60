/// A piece of code that must not be there, and what to write instead.
struct BannedToken: Sendable {
    /// Found as a whole: where it begins or ends with a letter, no other letter may touch it.
    let token: String
    let instead: String

    init(_ token: String, _ instead: String) {
        self.token = token
        self.instead = instead
    }

    /// Everywhere in Swift.
    static let everywhere = [
        BannedToken("@unchecked Sendable", "a value type, an actor, or a Mutex"),
        BannedToken("nonisolated(unsafe)", "isolation that the compiler can check, or a Mutex"),
        BannedToken("try!", "a typed error, or a precondition that says what was expected"),
        BannedToken("fatalError(", "a typed error for input, a precondition for a mistake of ours"),
        BannedToken("Thread.sleep", "a deadline given to the event loop"),
        BannedToken("usleep", "a deadline given to the event loop"),
    ]

    /// In `Sources`.
    static let unstructured = [
        BannedToken("Task {", "a child of a task group, or a Service"),
        BannedToken("Task.detached", "a child of a task group, or a Service"),
        BannedToken("Task(", "a child of a task group, or a Service"),
    ]

    /// In `Tests`.
    static let inTests = [
        BannedToken("Task.sleep", "a clock that the test advances, or the event waited for")
    ]

    /// In the pure targets.
    static let inPureTargets = [
        BannedToken("Set<", "OrderedSet, or a sorted array: the order of Set changes per process"),
        BannedToken("Set(", "OrderedSet, or a sorted array: the order of Set changes per process"),
        BannedToken("Dictionary<", "OrderedDictionary, or a sorted array"),
        BannedToken("Dictionary(", "OrderedDictionary, or a sorted array"),
        BannedToken("Date()", "`now: Instant` as an argument"),
        BannedToken("ContinuousClock", "`now: Instant` as an argument"),
        BannedToken("SuspendingClock", "`now: Instant` as an argument"),
        BannedToken("SystemRandomNumberGenerator", "a SeededRandom as an argument"),
        BannedToken(".shuffled()", ".shuffled(using: &random) with a SeededRandom"),
        BannedToken(".randomElement()", ".randomElement(using: &random) with a SeededRandom"),
        BannedToken("async", "an action in the list, for the driver to do"),
        BannedToken("await", "an action in the list, for the driver to do"),
        BannedToken("Mutex", "a value in the machine: it is never shared"),
        BannedToken("NSLock", "a value in the machine: it is never shared"),
        BannedToken("Logger", "a `trace` action, for the driver to log"),
        BannedToken("print(", "a `trace` action, for the driver to log"),
    ]

    func offsets(in code: MaskedCode) -> [Int] {
        Self.offsets(of: [self], in: code).map(\.offset)
    }

    /// Where each of the tokens stands, in order. One pass, since a debug build runs it over the
    /// whole tree.
    static func offsets(
        of tokens: [BannedToken],
        in code: MaskedCode
    ) -> [(token: BannedToken, offset: Int)] {
        var byLead: [[BannedToken]] = Array(repeating: [], count: 256)
        for token in tokens {
            if let lead = token.token.utf8.first { byLead[Int(lead)].append(token) }
        }
        let hasToken = byLead.map { !$0.isEmpty }
        var found: [(BannedToken, Int)] = []
        code.bytes.withUnsafeBufferPointer { bytes in
            var offset = 0
            while offset < bytes.count {
                if hasToken[Int(bytes[offset])] {
                    for token in byLead[Int(bytes[offset])] where token.stands(at: offset, bytes) {
                        found.append((token, offset))
                    }
                }
                offset += 1
            }
        }
        return found
    }

    private func stands(at offset: Int, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        let needle = token.utf8
        let end = offset + needle.count
        guard end <= bytes.count, bytes[offset..<end].elementsEqual(needle) else { return false }
        let touchesBefore =
            bytes[offset].isIdentifierByte && offset > 0 && bytes[offset - 1].isIdentifierByte
        let touchesAfter =
            bytes[end - 1].isIdentifierByte && end < bytes.count && bytes[end].isIdentifierByte
        return !touchesBefore && !touchesAfter
    }

    static func findings(of tokens: [BannedToken], in file: SourceFile) -> [Finding] {
        offsets(of: tokens, in: file.code).map { token, offset in
            Finding(
                path: file.path,
                line: file.code.line(at: offset),
                message: "'\(token.token)' is not for here; write \(token.instead)"
            )
        }
    }
}

/// Exceptions, each with the reason why there is no better way.
struct Allowance: Sendable {
    let path: String
    let token: String
    let reason: String

    static let all: [Allowance] = []

    /// Takes what is allowed out of the findings.
    static func remaining(_ findings: [Finding], allowances: [Allowance] = all) -> [Finding] {
        findings.filter { finding in
            !allowances.contains {
                $0.path == finding.path && finding.message.contains("'\($0.token)'")
            }
        }
    }
}

/// Bans that need more than a search for a token.
enum PureTargetChecks {
    static func findings(in file: SourceFile) -> [Finding] {
        BannedToken.findings(of: BannedToken.inPureTargets, in: file)
            + dictionaryTypes(in: file) + randomWithoutGenerator(in: file)
    }

    /// `[Key: Value]` as a type or with a type's name as the first key.
    static func dictionaryTypes(in file: SourceFile) -> [Finding] {
        let code = file.code
        return code.bytes.indices.filter { offset in
            code.bytes[offset] == UInt8(ascii: "[") && isDictionaryType(code.bytes, offset + 1)
        }.map { offset in
            Finding(
                path: file.path,
                line: code.line(at: offset),
                message: "'[Key: Value]' is not for here; write OrderedDictionary or a sorted array"
            )
        }
    }

    /// Whether the bracket's first element is `Name: …`, `[…]: …` or `(…): …`.
    private static func isDictionaryType(_ bytes: [UInt8], _ start: Int) -> Bool {
        var offset = start
        while offset < bytes.count, bytes[offset].isSpace { offset += 1 }
        guard offset < bytes.count else { return false }
        let lead = bytes[offset]
        let opensKey = lead == UInt8(ascii: "[") || lead == UInt8(ascii: "(")
        guard lead.isUpperCase || opensKey else { return false }
        var depth = 0
        while offset < bytes.count {
            switch bytes[offset] {
            case UInt8(ascii: "["), UInt8(ascii: "("): depth += 1
            case UInt8(ascii: "]"), UInt8(ascii: ")"): depth -= 1
            case UInt8(ascii: ":") where depth == 0: return true
            case UInt8(ascii: ",") where depth == 0: return false
            // The question mark of a ternary: `[A ? b : c]`. An optional key is followed by the
            // colon.
            case UInt8(ascii: "?") where depth == 0 && bytes[offset - 1].isSpace: return false
            default: break
            }
            if depth < 0 { return false }
            offset += 1
        }
        return false
    }

    /// A call of `.random(…)` that names no generator.
    static func randomWithoutGenerator(in file: SourceFile) -> [Finding] {
        let call = BannedToken(".random(", "")
        return call.offsets(in: file.code).filter { offset in
            let open = offset + call.token.utf8.count - 1
            return !arguments(file.code.bytes, from: open).contains("using:")
        }.map { offset in
            Finding(
                path: file.path,
                line: file.code.line(at: offset),
                message: "'.random(' without 'using:'; write .random(in: range, using: &random)"
            )
        }
    }

    private static func arguments(_ bytes: [UInt8], from open: Int) -> String {
        var depth = 0
        for offset in open..<bytes.count {
            if bytes[offset] == UInt8(ascii: "(") { depth += 1 }
            if bytes[offset] == UInt8(ascii: ")") { depth -= 1 }
            if depth == 0 { return String(decoding: bytes[open...offset], as: UTF8.self) }
        }
        return ""
    }
}
