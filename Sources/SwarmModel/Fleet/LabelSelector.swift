/// Which hosts are meant, by their labels: `gpu=h100,cloud in (aws,gcp),!spot`. All requirements
/// must hold; one without requirements selects every host. The syntax is that of Kubernetes label
/// selectors.
///
/// A host has the labels `host` (its name), `cloud`, `region` and `rack` (the first three levels of
/// its locality) besides its own.
package struct LabelSelector: Hashable, Sendable, CustomStringConvertible {
    package enum Requirement: Hashable, Sendable {
        case isOneOf(key: String, values: [String])
        case isNoneOf(key: String, values: [String])
        case exists(key: String)
        case isAbsent(key: String)
    }

    package let requirements: [Requirement]

    /// Most requirements, and most values of one.
    package static let countMax = 32
    package static let all = LabelSelector(requirements: [])

    private init(requirements: [Requirement]) { self.requirements = requirements }

    package init(_ text: some StringProtocol) throws(LabelFlaw) {
        var requirements: [Requirement] = []
        for part in Self.parts(String(text)) {
            requirements.append(try Self.requirement(part))
            guard requirements.count <= Self.countMax else { throw .tooMany(Self.countMax) }
        }
        self.init(requirements: requirements)
    }

    package func matches(_ labels: Labels, host: HostName, at locality: Locality) -> Bool {
        requirements.allSatisfy { requirement in
            switch requirement {
            case .isOneOf(let key, let values):
                Self.value(key, labels, host, locality).map(values.contains) ?? false
            case .isNoneOf(let key, let values):
                !(Self.value(key, labels, host, locality).map(values.contains) ?? false)
            case .exists(let key): Self.value(key, labels, host, locality) != nil
            case .isAbsent(let key): Self.value(key, labels, host, locality) == nil
            }
        }
    }

    private static func value(
        _ key: String,
        _ labels: Labels,
        _ host: HostName,
        _ locality: Locality
    ) -> String? {
        if key == "host" { return host.description }
        if let level = ["cloud", "region", "rack"].firstIndex(of: key) {
            return level < locality.labels.count ? locality.labels[level] : nil
        }
        return labels[key]
    }

    package var description: String {
        requirements.map { requirement in
            switch requirement {
            case .isOneOf(let key, let values) where values.count == 1: "\(key)=\(values[0])"
            case .isOneOf(let key, let values): "\(key) in (\(values.joined(separator: ",")))"
            case .isNoneOf(let key, let values) where values.count == 1: "\(key)!=\(values[0])"
            case .isNoneOf(let key, let values): "\(key) notin (\(values.joined(separator: ",")))"
            case .exists(let key): key
            case .isAbsent(let key): "!\(key)"
            }
        }.joined(separator: ",")
    }
}

extension LabelSelector {
    /// Split at the commas outside of parentheses.
    private static func parts(_ text: String) -> [String] {
        var parts: [String] = []
        var current = ""
        var depth = 0
        for character in text {
            if character == "(" { depth += 1 }
            if character == ")" { depth -= 1 }
            if character == ",", depth == 0 {
                parts.append(current)
                current = ""
            } else {
                current.append(character)
            }
        }
        parts.append(current)
        // No requirement at all is every host; a comma too many is a mistake, and not every host.
        return parts.count == 1 && trimmed(parts[0]).isEmpty ? [] : parts
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        let rest = text.drop { $0 == " " }
        return String(rest.prefix(rest.count - rest.reversed().prefix { $0 == " " }.count))
    }

    private static func requirement(_ part: String) throws(LabelFlaw) -> Requirement {
        let text = trimmed(part)
        if text.hasSuffix(")"), let open = text.firstIndex(of: "(") {
            let words = text[..<open].split(separator: " ")
            guard words.count == 2 else { throw .badRequirement(part) }
            let values = text[text.index(after: open)...].dropLast()
                .split(separator: ",", omittingEmptySubsequences: false).map(trimmed)
            guard !values.isEmpty, values.count <= countMax else { throw .badRequirement(part) }
            switch words[1] {
            case "in": return .isOneOf(key: try key(words[0]), values: try checked(values))
            case "notin": return .isNoneOf(key: try key(words[0]), values: try checked(values))
            default: throw .badRequirement(part)
            }
        }
        guard let sign = text.firstIndex(of: "=") else {
            if text.isEmpty { throw .badRequirement(part) }
            if text.hasPrefix("!") { return .isAbsent(key: try key(trimmed(text.dropFirst()))) }
            return .exists(key: try key(text))
        }
        var value = text[text.index(after: sign)...]
        if value.hasPrefix("=") { value = value.dropFirst() }
        let values = try checked([trimmed(value)])
        let before = text[..<sign]
        if before.hasSuffix("!") {
            return .isNoneOf(key: try key(trimmed(before.dropLast())), values: values)
        }
        return .isOneOf(key: try key(trimmed(before)), values: values)
    }

    private static func key(_ text: some StringProtocol) throws(LabelFlaw) -> String {
        let key = String(text)
        try LabelText.check(key: key)
        return key
    }

    private static func checked(_ values: [String]) throws(LabelFlaw) -> [String] {
        for value in values { try LabelText.check(value: value) }
        return values
    }
}

extension LabelSelector: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        do {
            try self.init(container.decode(String.self))
        } catch let flaw as LabelFlaw {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "\(flaw)")
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
