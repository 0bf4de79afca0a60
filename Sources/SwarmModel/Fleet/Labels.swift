/// What is said about a host besides where it is: `gpu=h100`, `pool=inference`. In the order of the
/// keys, each of which is there once. Syntax and limits are those of Kubernetes labels.
package struct Labels: Hashable, Sendable, CustomStringConvertible {
    package struct Pair: Hashable, Sendable {
        package let key: String
        package let value: String
    }

    package let pairs: [Pair]

    /// Most labels of one host.
    package static let countMax = 32
    package static let none = Labels(sorted: [])

    private init(sorted pairs: [Pair]) { self.pairs = pairs }

    /// Of pairs in any order.
    package init(_ pairs: some Sequence<(key: String, value: String)>) throws(LabelFlaw) {
        var result: [Pair] = []
        for (key, value) in pairs {
            try LabelText.check(key: key)
            try LabelText.check(value: value)
            result.append(Pair(key: key, value: value))
            guard result.count <= Self.countMax else { throw .tooMany(Self.countMax) }
        }
        result.sort { $0.key < $1.key }
        for (one, next) in zip(result, result.dropFirst()) where one.key == next.key {
            throw .twice(one.key)
        }
        self.init(sorted: result)
    }

    /// Of `KEY=VALUE` texts.
    package init(parsing texts: some Sequence<String>) throws(LabelFlaw) {
        var pairs: [(key: String, value: String)] = []
        for text in texts {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { throw .notAPair(text) }
            pairs.append((String(parts[0]), String(parts[1])))
        }
        try self.init(pairs)
    }

    package subscript(key: String) -> String? { pairs.first { $0.key == key }?.value }

    package var description: String {
        pairs.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
    }
}

extension Labels: Codable {
    private struct Key: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        do {
            try self.init(
                container.allKeys.map { key in
                    (key: key.stringValue, value: try container.decode(String.self, forKey: key))
                }
            )
        } catch let flaw as LabelFlaw {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "\(flaw)")
            )
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        for pair in pairs {
            try container.encode(pair.value, forKey: Key(stringValue: pair.key))
        }
    }
}

/// What is wrong with a label or a selector.
package enum LabelFlaw: Error, Hashable, CustomStringConvertible {
    case badKey(String)
    case badValue(String)
    case notAPair(String)
    case twice(String)
    case tooMany(Int)
    case badRequirement(String)
    case badShare(String)

    package var description: String {
        switch self {
        case .badKey(let key):
            "'\(key.prefix(72))' is no label key: up to \(LabelText.byteCountMax) letters, digits "
                + "and - _ . that begin and end with a letter or a digit"
        case .badValue(let value):
            "'\(value.prefix(72))' is no label value: empty, or up to \(LabelText.byteCountMax) "
                + "letters, digits and - _ . that begin and end with a letter or a digit"
        case .notAPair(let text): "'\(text.prefix(72))' is not of the form KEY=VALUE"
        case .twice(let key): "the label '\(key)' is given twice"
        case .tooMany(let count): "more than \(count) labels or requirements"
        case .badRequirement(let text):
            "'\(text.prefix(72))' is no requirement; write KEY=VALUE, KEY!=VALUE, "
                + "KEY in (A,B), KEY notin (A,B), KEY or !KEY, separated by commas"
        case .badShare(let text): "'\(text.prefix(72))' is no share of hosts; write 1% to 100%"
        }
    }
}

/// The alphabet of names and labels.
enum LabelText {
    /// Longest key or value, in bytes.
    static let byteCountMax = 63

    static func isMark(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
    }

    static func isName(_ text: String.UTF8View, more: String) -> Bool {
        text.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: more.utf8.contains(byte)
            }
        }
    }

    private static func isWord(_ text: String) -> Bool {
        guard let first = text.utf8.first, let last = text.utf8.last else { return false }
        return text.utf8.count <= byteCountMax && isName(text.utf8, more: "-_.")
            && !isMark(first) && !isMark(last)
    }

    static func check(key: String) throws(LabelFlaw) {
        guard isWord(key) else { throw .badKey(key) }
    }

    static func check(value: String) throws(LabelFlaw) {
        guard value.isEmpty || isWord(value) else { throw .badValue(value) }
    }
}
