internal import Foundation

/// A JSON object with texts, whole numbers, objects and lists of objects.
struct JSONObject: Decodable {
    enum Value: Decodable {
        case text(String)
        case number(Int)
        case object(JSONObject)
        case list([JSONObject])

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let value = try? container.decode(String.self) {
                self = .text(value)
            } else if let value = try? container.decode(Int.self) {
                self = .number(value)
            } else if let value = try? container.decode([JSONObject].self) {
                self = .list(value)
            } else {
                self = .object(try container.decode(JSONObject.self))
            }
        }
    }

    var values: [String: Value]

    init(from decoder: any Decoder) throws {
        values = try decoder.singleValueContainer().decode([String: Value].self)
    }
}

extension OriginConfiguration {
    /// Takes the keys of an object one by one; what nobody took is a mistake of the writer.
    struct Reader {
        /// For messages.
        var place: String
        var object: JSONObject
        private var known: [String] = []

        init(place: String, object: JSONObject) {
            self.place = place
            self.object = object
        }

        func flaw(_ key: String, _ what: String) -> OriginConfigurationError {
            OriginConfigurationError(message: "'\(key)' in \(place) \(what)")
        }

        private mutating func take(_ key: String) -> JSONObject.Value? {
            known.append(key)
            return object.values.removeValue(forKey: key)
        }

        mutating func optionalText(_ key: String) throws(OriginConfigurationError) -> String? {
            guard let value = take(key) else { return nil }
            guard case .text(let text) = value, !text.isEmpty else {
                throw flaw(key, "must be a text that is not empty")
            }
            return text
        }

        mutating func text(_ key: String) throws(OriginConfigurationError) -> String {
            guard let text = try optionalText(key) else { throw flaw(key, "is missing") }
            return text
        }

        mutating func number(_ key: String) throws(OriginConfigurationError) -> Int? {
            guard let value = take(key) else { return nil }
            guard case .number(let number) = value else { throw flaw(key, "must be a number") }
            return number
        }

        mutating func object(_ key: String) throws(OriginConfigurationError) -> JSONObject? {
            guard let value = take(key) else { return nil }
            guard case .object(let object) = value else { throw flaw(key, "must be an object") }
            return object
        }

        mutating func list(_ key: String) throws(OriginConfigurationError) -> [JSONObject] {
            guard let value = take(key) else { throw flaw(key, "is missing") }
            guard case .list(let list) = value else { throw flaw(key, "must be a list of objects") }
            return list
        }

        func finish() throws(OriginConfigurationError) {
            guard let key = object.values.keys.min() else { return }
            throw flaw(key, "does not exist; there are: \(known.sorted().joined(separator: ", "))")
        }
    }
}
