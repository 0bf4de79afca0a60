/// Any text as a key, so that a file's keys can be compared with those that exist.
package struct AnyKey: CodingKey, Hashable, Sendable {
    package let stringValue: String
    package var intValue: Int? { nil }

    package init(_ text: String) { stringValue = text }
    package init?(stringValue: String) { self.init(stringValue) }
    package init?(intValue: Int) { nil }
}

/// An object of a file that people write: a key that does not exist is an error, since it is most
/// often a misspelt one whose value would silently not count.
package struct StrictObject {
    private let container: KeyedDecodingContainer<AnyKey>
    private let path: [any CodingKey]

    /// `keys` are those that may be there; `what` names the object in errors, such as "a rule".
    package init(_ decoder: any Decoder, keys: [String], what: String) throws {
        container = try decoder.container(keyedBy: AnyKey.self)
        path = decoder.codingPath
        let unknown = container.allKeys.map(\.stringValue).filter { !keys.contains($0) }.sorted()
        guard let first = unknown.first else { return }
        let known = keys.joined(separator: ", ")
        throw flaw(first, "is no key of \(what); the keys are \(known)")
    }

    package func value<T: Decodable>(_ key: String, as type: T.Type = T.self) throws -> T {
        guard container.contains(AnyKey(key)) else { throw flaw(key, "is missing") }
        return try container.decode(T.self, forKey: AnyKey(key))
    }

    package func optional<T: Decodable>(_ key: String, as type: T.Type = T.self) throws -> T? {
        guard container.contains(AnyKey(key)) else { return nil }
        return try container.decode(T.self, forKey: AnyKey(key))
    }

    /// An error about the value of a key; `message` goes on after the key's path.
    package func flaw(_ key: String, _ message: String) -> DecodingError {
        .dataCorrupted(.init(codingPath: path + [AnyKey(key)], debugDescription: message))
    }
}

extension DecodingError {
    /// The key and what is wrong with it, as `rules[3].usdPerGB is missing`.
    package var keyAndReason: String {
        switch self {
        case .typeMismatch(let type, let context):
            return Self.line(context, "is not \(Self.name(of: type))")
        case .valueNotFound(_, let context): return Self.line(context, "must not be null")
        case .keyNotFound(let key, let context):
            return Self.line(context, "has no '\(key.stringValue)'")
        case .dataCorrupted(let context):
            // The reader's own words about text that is no JSON at all are worth little.
            return context.codingPath.isEmpty && context.underlyingError != nil
                ? "it is not valid JSON" : Self.line(context, context.debugDescription)
        @unknown default: return "it cannot be read"
        }
    }

    private static func line(_ context: Context, _ reason: String) -> String {
        var text = ""
        for key in context.codingPath {
            if let index = key.intValue {
                text += "[\(index)]"
            } else {
                text += (text.isEmpty ? "" : ".") + key.stringValue
            }
        }
        return (text.isEmpty ? "the whole" : text) + " " + reason
    }

    private static func name(of type: any Any.Type) -> String {
        switch type {
        case is String.Type: "a text"
        case is Bool.Type: "true or false"
        case is Int.Type: "a whole number"
        case is Double.Type: "a number"
        case is any Collection.Type where !(type is any ExpressibleByDictionaryLiteral.Type):
            "a list"
        default: "an object"
        }
    }
}
