import Foundation
import Testing

/// The rules of Docs/Architecture.md, held against the sources.
@Suite struct ArchitectureTests {
    @Test("there are sources to look at")
    func sourcesAreFound() {
        #expect(Checkout.sources.count > 20)
        #expect(Checkout.tests.contains { $0.path.hasSuffix("ArchitectureTests.swift") })
    }

    @Test("each target imports only what the table allows")
    func imports() {
        expectNone(Checkout.sources.flatMap { ImportRules.findings(in: $0) })
    }

    @Test("the peer and the tracker never meet, nor do the wire and the core")
    func strangers() {
        for (one, other) in [("SwarmPeer", "SwarmTracker"), ("SwarmWire", "SwarmCore")] {
            #expect(ImportRules.allowed[one]?.contains(other) == false)
            #expect(ImportRules.allowed[other]?.contains(one) == false)
        }
    }

    @Test("the pure targets have no clock, no chance, no locks and no hash order")
    func purity() {
        let pure = Checkout.sources.filter { ImportRules.pureTargets.contains($0.target) }
        #expect(!pure.isEmpty)
        expectNone(Allowance.remaining(pure.flatMap { PureTargetChecks.findings(in: $0) }))
    }

    @Test("nothing gets around the compiler's checks or traps on purpose")
    func bannedEverywhere() {
        let found = Checkout.swiftFiles.flatMap {
            BannedToken.findings(of: BannedToken.everywhere, in: $0)
        }
        expectNone(Allowance.remaining(found))
    }

    @Test("no task without a parent, and no sleep in a test")
    func bannedByPlace() {
        let found =
            Checkout.sources.flatMap {
                BannedToken.findings(of: BannedToken.unstructured, in: $0)
            }
            + Checkout.tests.flatMap { BannedToken.findings(of: BannedToken.inTests, in: $0) }
        expectNone(Allowance.remaining(found))
    }

    @Test("each exception is still needed")
    func allowances() {
        let all =
            BannedToken.everywhere + BannedToken.unstructured + BannedToken.inTests
            + BannedToken.inPureTargets
        for allowance in Allowance.all {
            let file = Checkout.swiftFiles.first { $0.path == allowance.path }
            let token = all.first { $0.token == allowance.token }
            let offsets = file.flatMap { file in token?.offsets(in: file.code) } ?? []
            #expect(!offsets.isEmpty, "\(allowance.path) no longer has '\(allowance.token)'")
            #expect(!allowance.reason.isEmpty)
        }
    }

    @Test("files, functions and lines stay short")
    func sizes() {
        expectNone(Checkout.swiftFiles.flatMap { SizeChecks.findings(in: $0) })
    }

    @Test("nothing is left to be done later")
    func unfinished() {
        expectNone(Checkout.texts.flatMap { UnfinishedMarks.findings(in: $0) })
    }

    @Test("the top of the checkout has only the agreed names")
    func topLevel() throws {
        // Package.resolved is made by the build, and git ignores it.
        let agreed = [
            "Docs", "Package.resolved", "Package.swift", "README.md", "Sources", "Tests",
            "testnet",
        ]
        #expect(try Checkout.topLevelNames().filter { !agreed.contains($0) } == [])
    }

    private func expectNone(
        _ findings: [Finding],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        for finding in findings {
            Issue.record("\(finding.description)", sourceLocation: sourceLocation)
        }
    }
}

/// The words by which people put things off.
enum UnfinishedMarks {
    // Put together, so that this file has none of them.
    private static let marks = ["TO" + "DO", "FIX" + "ME", "X" + "XX"]

    static func findings(in file: SourceFile) -> [Finding] {
        file.lines.enumerated().flatMap { index, line in
            marks.filter { contains(line, $0) }.map { mark in
                Finding(path: file.path, line: index + 1, message: "\(mark): do it, or say why not")
            }
        }
    }

    /// Whether the line has the mark as a word of its own, unlike the template of mktemp.
    private static func contains(_ line: String, _ mark: String) -> Bool {
        guard line.contains(mark) else { return false }
        return !BannedToken(mark, "").offsets(in: MaskedCode(bare: line)).isEmpty
    }
}
