/// A value of a JSON text that remembers where it stood, so that whoever finds fault with it can
/// say which key of which line is meant.
struct JSONNode: Hashable {
    indirect enum Value: Hashable {
        case object([Member])
        case array([JSONNode])
        case string(String)
        case number(Double)
        case bool(Bool)
        case null
    }

    /// A member of an object; in the order of the text, since names are unique.
    struct Member: Hashable {
        var name: String
        var node: JSONNode
    }

    var value: Value
    var line: Int

    /// What kind of value it is, for messages.
    var kind: String {
        switch value {
        case .object: "an object"
        case .array: "a list"
        case .string: "a text"
        case .number: "a number"
        case .bool: "true or false"
        case .null: "null"
        }
    }
}
