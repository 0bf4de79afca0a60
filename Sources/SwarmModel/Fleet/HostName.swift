/// The name of a host in the fleet, by which it is known over restarts: `node-17.example`.
package struct HostName: Hashable, Sendable, Comparable, Codable, CustomStringConvertible {
    package let description: String

    /// Longest name, in bytes (RFC 1035, section 2.3.4).
    package static let byteCountMax = 253

    package struct Flaw: Error, Hashable, CustomStringConvertible {
        package let text: String
        package var description: String {
            "'\(text.prefix(64))' is no host name: 1 to \(byteCountMax) letters, digits and . _ -, "
                + "beginning with a letter or a digit"
        }
    }

    package init(_ text: some StringProtocol) throws(Flaw) {
        let text = String(text)
        let isValid =
            !text.isEmpty && text.utf8.count <= Self.byteCountMax
            && LabelText.isName(text.utf8, more: ".-_")
            && !LabelText.isMark(text.utf8.first!)
        guard isValid else { throw Flaw(text: text) }
        description = text
    }

    package static func < (a: Self, b: Self) -> Bool { a.description < b.description }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        do {
            try self.init(container.decode(String.self))
        } catch let flaw as Flaw {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "\(flaw)")
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
