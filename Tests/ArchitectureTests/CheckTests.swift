import Testing

/// The checks of this target, on snippets that they must and must not find fault with.
@Suite struct CheckTests {
    private func file(_ text: String, at path: String = "Sources/SwarmCore/X.swift") -> SourceFile {
        SourceFile(path: path, text: text)
    }

    // MARK: Masking

    @Test("comments and strings are blanked, code and line numbers stay")
    func masking() {
        let code = MaskedCode(
            """
            let a = 1 // Set<Int>
            /* Set( /* nested */ Set( */ let b = "Set<Int>"
            let c = \"\"\"
              Set<Int> "quoted"
              \"\"\"
            let d = #"Set<\\"# + "\\(f("Set<)"))" ; let e = Set<Int>()
            """
        )
        let offsets = BannedToken("Set<", "").offsets(in: code)
        #expect(offsets.map { code.line(at: $0) } == [6])
        #expect(code.text.contains("let b ="))
        #expect(code.text.split(separator: "\n", omittingEmptySubsequences: false).count == 6)
    }

    @Test("a string that never ends blanks its line alone")
    func openString() {
        let code = MaskedCode("let a = \"abc\nlet b = 1\n/* never closed")
        #expect(code.text.contains("let b = 1"))
        #expect(!code.text.contains("abc"))
        #expect(!code.text.contains("closed"))
    }

    // MARK: Imports

    @Test(
        "every form of import is read",
        arguments: [
            "import NIOCore", "package import NIOCore", "@preconcurrency import NIOCore",
            "@_spi(Deep) public import NIOCore", "import struct NIOCore.ByteBuffer",
            "internal import class NIOCore.Channel", "    import NIOCore", "import NIOCore.Deep",
        ]
    )
    func importForms(line: String) {
        #expect(ImportRules.imports(in: file(line)).map(\.module) == ["NIOCore"])
        #expect(ImportRules.findings(in: file(line)).count == 1)
    }

    @Test("words that only look like an import are none")
    func notImports() {
        let text = "// import NIOCore\nlet s = \"import NIOCore\"\nfunc important() {}"
        #expect(ImportRules.imports(in: file(text)).isEmpty)
    }

    @Test("what the table allows is no finding, and a target without an entry is one")
    func importTable() {
        #expect(ImportRules.findings(in: file("import DequeModule")).isEmpty)
        let stranger = file("import SwarmPeer", at: "Sources/SwarmTracker/X.swift")
        #expect(ImportRules.findings(in: stranger).count == 1)
        #expect(ImportRules.findings(in: file("", at: "Sources/New/X.swift")).count == 1)
        let wire = file("import SwarmCore", at: "Sources/SwarmWire/X.swift")
        #expect(ImportRules.findings(in: wire).count == 1)
    }

    // MARK: Banned tokens

    @Test(
        "the pure targets may not have",
        arguments: [
            "var a: Set<Int>", "let a = Set([1])", "var a: Dictionary<Int, Int>",
            "let a = Dictionary(grouping: b) { $0 }", "let a = Date()",
            "let a = ContinuousClock.now",
            "var a = SystemRandomNumberGenerator()", "let a = b.shuffled()", "func a() async {}",
            "await a()", "let a = Mutex(0)", "let a = NSLock()", "let a = Logger(label: b)",
            "print(a)", "var a: [String: Int]", "var a: [PeerID: [Int]] = b", "[Int: Bool]()",
            "var a: [[Int]: Int]", "var a: [(Int, Int): Int]", "func a(b: [String:Int])",
            "let a = Int.random(in: 0..<9)", "let a = Bool.random()", "var a: [Digest?: Int]",
            "let a = b.randomElement()", "var a: [\n    String: Int\n]",
        ]
    )
    func impure(line: String) {
        #expect(!PureTargetChecks.findings(in: file(line)).isEmpty)
    }

    @Test(
        "the pure targets may have",
        arguments: [
            "var a: OrderedSet<Int>", "let a = OrderedDictionary<Int, Int>()", "let a = BitSet(b)",
            "let a = Int.random(in: 0..<9, using: &random)", "let a = b.shuffled(using: &random)",
            "let a = Int.random(\n    in: 0..<f(9),\n    using: &random\n)", "asyncronous(a)",
            "func print(to: Int) {}; fingerprint(a)", "self[bit: index]", "let a = [1, 2]",
            "let a = [Foo(b: 1), Bar(c: 2)]", "let a = [Flag ? b : c]",
            "a[Int(b)..<Int(c)]; let d: Int",
            "var a: [Int] = []",
            "let a: OrderedDictionary<Int, Int> = [:]", "let updated = a.dateOf()",
        ]
    )
    func pure(line: String) {
        let found = PureTargetChecks.findings(in: file(line))
        // A declaration of one's own `print` is found: it would hide the one that is meant.
        #expect(found.isEmpty || line.hasPrefix("func print("))
    }

    @Test(
        "nobody may have",
        arguments: [
            "final class A: @unchecked Sendable {}", "nonisolated(unsafe) var a = 1",
            "let a = try! b()", "fatalError(\"no\")", "Thread.sleep(forTimeInterval: 1)",
            "usleep(1)",
        ]
    )
    func banned(line: String) {
        #expect(BannedToken.findings(of: BannedToken.everywhere, in: file(line)).count == 1)
    }

    @Test("a task has a parent")
    func unstructuredTasks() {
        let bad = "Task { a() }\nTask.detached { a() }\nlet t = Task(priority: .low) { a() }"
        let good = "group.addTask { a() }\nTask.isCancelled\nwithTask { }\nlet t: Task<Void, Never>"
        #expect(BannedToken.findings(of: BannedToken.unstructured, in: file(bad)).count == 3)
        #expect(BannedToken.findings(of: BannedToken.unstructured, in: file(good)).isEmpty)
    }

    @Test("a finding names the file, the line and what to write instead")
    func messages() {
        let finding = PureTargetChecks.findings(in: file("\n\nlet a = b.shuffled()")).first
        #expect(finding?.description.hasPrefix("Sources/SwarmCore/X.swift:3: ") == true)
        #expect(finding?.message.contains("shuffled(using:") == true)
    }

    @Test("an exception covers its token in its file alone")
    func exceptions() {
        let findings = ["A", "B"].flatMap { name in
            BannedToken.findings(
                of: BannedToken.everywhere,
                in: file("try! a(); usleep(1)", at: "Sources/shoal/\(name).swift")
            )
        }
        #expect(findings.count == 4)
        let allowance = Allowance(path: "Sources/shoal/A.swift", token: "usleep", reason: "so")
        let remaining = Allowance.remaining(findings, allowances: [allowance])
        #expect(remaining.count == 3)
        #expect(remaining.filter { $0.path.hasSuffix("A.swift") }.count == 1)
    }

    // MARK: Sizes

    private func function(_ head: String, lines: Int) -> String {
        ([head] + Array(repeating: "    a()", count: lines - 2) + ["}"]).joined(separator: "\n")
    }

    @Test(
        "the lines of a function are counted from its declaration to its closing brace",
        arguments: [
            "func a() {", "init(b: Int) {", "deinit {", "subscript(b: Int) -> Int {",
            "static func < (a: A, b: A) -> Bool {", "func a(b: () -> Void = {}) throws(E) -> [A] {",
            "func a<T: P>(b: T) where T: Q {", "mutating func a(b: [Int: Int]) {",
        ]
    )
    func functionLengths(head: String) {
        let limit = SizeChecks.functionLinesMax
        for lines in [3, limit, limit + 1] {
            let code = file(function(head, lines: lines))
            #expect(SizeChecks.functions(in: code.code).map(\.lines) == [lines])
            #expect(SizeChecks.longFunctions(in: code).isEmpty == (lines <= limit))
        }
    }

    @Test("a signature on several lines belongs to its function")
    func longSignature() {
        let text = "func a(\n    b: Int,\n    c: Int\n)\n    -> Int\n{\n    b\n}"
        #expect(SizeChecks.functions(in: file(text).code).map(\.lines) == [8])
    }

    @Test("requirements have no body, and what follows them is not theirs")
    func requirements() {
        let long = function("func c() {", lines: 100)
        let text = """
            protocol P {
                func a(b: Int) throws -> Int
                init()
                subscript(b: Int) -> Int { get }
                var d: Int { get }
            }
            struct S {
                var e = 1
                \(long)
            }
            """
        let lengths = SizeChecks.functions(in: file(text).code).map(\.lines)
        #expect(lengths.filter { $0 > 1 } == [100])
    }

    @Test("calls of an initialiser are no functions")
    func initialiserCalls() {
        let text = "let a = A.init(b: 1)\nlet c = self.init()\nlet d = { 1 }"
        #expect(SizeChecks.functions(in: file(text).code).isEmpty)
    }

    @Test("columns are characters, not bytes")
    func columns() {
        #expect(SizeChecks.longLines(in: file(String(repeating: "é", count: 100))).isEmpty)
        #expect(SizeChecks.longLines(in: file(String(repeating: "a", count: 101))).count == 1)
    }

    @Test("a file may have as many lines as its limit, in tests more")
    func fileLengths() {
        let text = String(repeating: "a\n", count: 501)
        #expect(SizeChecks.findings(in: file(text)).count == 1)
        #expect(SizeChecks.findings(in: file(String(text.dropLast(2)))).isEmpty)
        #expect(SizeChecks.findings(in: file(text, at: "Tests/A/X.swift")).isEmpty)
    }

    @Test("a mark is a word of its own")
    func marks() {
        let mark = "TO" + "DO"
        #expect(UnfinishedMarks.findings(in: file("// \(mark): later")).count == 1)
        #expect(UnfinishedMarks.findings(in: file("mktemp a.XXXXXX; MASTODON")).isEmpty)
    }
}
