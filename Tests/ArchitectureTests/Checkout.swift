import Foundation
import Testing

/// The checkout that these tests were compiled from.
enum Checkout {
    static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// Every Swift file of the package, `Package.swift` aside.
    static let swiftFiles = sources + tests
    static let sources = files(under: "Sources", extensions: ["swift"])
    static let tests = files(under: "Tests", extensions: ["swift"])
    /// Everything that people write and read.
    static let texts =
        files(
            under: ".",
            extensions: ["swift", "c", "h", "py", "sh", "md", "html", "css", "js"]
        )
        + scripts

    /// Commands without a suffix.
    private static let scripts = ["Tests/check", "Tests/run", "Tests/Fuzz/run", "testnet/demo"]
        .compactMap { SourceFile(path: $0) }

    private static func files(under folder: String, extensions: [String]) -> [SourceFile] {
        let base = root.appending(path: folder).standardizedFileURL
        guard
            let walk = FileManager.default.enumerator(
                at: base,
                includingPropertiesForKeys: [.isRegularFileKey],
                options: [.skipsHiddenFiles]
            )
        else { return [] }
        var found: [String] = []
        for case let url as URL in walk where extensions.contains(url.pathExtension) {
            found.append(String(url.standardizedFileURL.path.dropFirst(root.path.count + 1)))
        }
        return found.sorted().compactMap { SourceFile(path: $0) }
    }

    /// Names at the top of the checkout, those of git's and the tools' own files left out.
    static func topLevelNames() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: root.path)
            .filter { !$0.hasPrefix(".") }.sorted()
    }
}

/// One file, as it is and with what the compiler does not read blanked out.
struct SourceFile: Sendable, CustomTestStringConvertible {
    /// Relative to the checkout.
    let path: String
    let lines: [String]
    /// ``lines`` with the text of comments and string literals replaced by spaces.
    let code: MaskedCode

    init?(path: String) {
        guard
            let text = try? String(
                contentsOf: Checkout.root.appending(path: path),
                encoding: .utf8
            )
        else { return nil }
        self.init(path: path, text: text)
    }

    init(path: String, text: String) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { String($0) }
        code = MaskedCode(path.hasSuffix(".swift") ? text : "")
    }

    /// `SwarmCore` for `Sources/SwarmCore/Choker.swift`.
    var target: String {
        let parts = path.split(separator: "/")
        return parts.count > 2 ? String(parts[1]) : ""
    }

    var testDescription: String { path }
}

/// Something that a check found.
struct Finding: Hashable, CustomStringConvertible {
    let path: String
    let line: Int
    let message: String

    var description: String { "\(path):\(line): \(message)" }
}
