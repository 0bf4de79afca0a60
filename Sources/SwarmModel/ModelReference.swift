/// The name of a model, `ORG/MODEL`, as people write it.
package struct ModelName: Hashable, Sendable, Comparable, Codable, CustomStringConvertible {
    package let organisation: String
    package let model: String

    package init(_ text: some StringProtocol) throws(NameFlaw) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw .notOrganisationAndModel(String(text)) }
        organisation = try NameFlaw.check(parts[0])
        model = try NameFlaw.check(parts[1])
    }

    package var description: String { "\(organisation)/\(model)" }
    package static func < (a: Self, b: Self) -> Bool {
        (a.organisation, a.model) < (b.organisation, b.model)
    }

    package init(from decoder: any Decoder) throws {
        try self.init(decoder.singleValueContainer().decode(String.self))
    }
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// A version of a model, `ORG/MODEL@V`.
package struct ModelReference: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let name: ModelName
    package let version: String

    package init(name: ModelName, version: some StringProtocol) throws(NameFlaw) {
        self.name = name
        self.version = try NameFlaw.check(version)
    }

    package init(_ text: some StringProtocol) throws(NameFlaw) {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw .notReference(String(text)) }
        try self.init(name: ModelName(parts[0]), version: parts[1])
    }

    package var description: String { "\(name)@\(version)" }
    package static func < (a: Self, b: Self) -> Bool {
        (a.name, a.version) < (b.name, b.version)
    }
}

/// Why a name cannot be used. Names become directories, so the alphabet is narrow.
package enum NameFlaw: Error, Hashable, CustomStringConvertible {
    case notOrganisationAndModel(String)
    case notReference(String)
    case empty
    case tooLong(String)
    case badCharacter(String)

    /// Longest part of a name, in bytes.
    package static let byteCountMax = 96

    fileprivate static func check(_ part: some StringProtocol) throws(NameFlaw) -> String {
        let text = String(part)
        guard !text.isEmpty else { throw .empty }
        guard text.utf8.count <= byteCountMax else { throw .tooLong(text) }
        for (offset, byte) in text.utf8.enumerated() {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                continue
            case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "+"):
                if offset > 0 { continue }
                throw .badCharacter(text)
            default: throw .badCharacter(text)
            }
        }
        // `current` is the symlink beside the versions.
        if text == "current" { throw .badCharacter(text) }
        return text
    }

    package var description: String {
        switch self {
        case .notOrganisationAndModel(let text): "'\(text)' is not of the form ORG/MODEL"
        case .notReference(let text): "'\(text)' is not of the form ORG/MODEL@VERSION"
        case .empty: "an empty name; write ORG/MODEL@VERSION"
        case .tooLong(let text): "'\(text.prefix(16))…' is longer than \(Self.byteCountMax) bytes"
        case .badCharacter(let text):
            "'\(text)': names are letters, digits and . _ - + (not first), and not 'current'"
        }
    }
}
