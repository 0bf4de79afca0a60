import Foundation

/// A JSON settings file: one object whose values are texts, numbers, booleans or arrays of these.
struct SettingsFile: Hashable {
    let path: String
    /// The values as text, several for an array.
    let values: [String: Value]

    struct Value: Hashable, Decodable {
        let texts: [String]
        let isArray: Bool

        init(from decoder: any Decoder) throws {
            if var array = try? decoder.unkeyedContainer() {
                var texts: [String] = []
                while !array.isAtEnd { texts.append(try array.decode(Scalar.self).text) }
                self.texts = texts
                isArray = true
            } else {
                texts = [try Scalar(from: decoder).text]
                isArray = false
            }
        }

        private struct Scalar: Decodable {
            let text: String

            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                if let value = try? container.decode(String.self) {
                    text = value
                } else if let value = try? container.decode(Bool.self) {
                    text = "\(value)"
                } else if let value = try? container.decode(Int.self) {
                    text = "\(value)"
                } else if let value = try? container.decode(Double.self) {
                    text = "\(value)"
                } else {
                    throw DecodingError.dataCorruptedError(
                        in: container,
                        debugDescription: "is not a text, a number, true, false or a list of these"
                    )
                }
            }
        }
    }

    /// Longest file that is read, in bytes.
    static let byteCountMax = 1 << 20

    init(path: String) throws(CommandFailure) {
        let data = try FileContent.read(path, byteCountMax: Self.byteCountMax)
        try self.init(path: path, json: data)
    }

    init(path: String, json: Data) throws(CommandFailure) {
        self.path = path
        do {
            values = try JSONDecoder().decode([String: Value].self, from: json)
        } catch {
            throw CommandFailure(
                .failure,
                "'\(path)' is not a settings file: \(Self.reason(error))",
                remedy: #"write one JSON object, such as {"listen": "0.0.0.0:6881"}"#
            )
        }
    }

    private static func reason(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "\(error)" }
        switch error {
        case .dataCorrupted(let context) where !context.codingPath.isEmpty:
            return "'\(context.codingPath[0].stringValue)' \(context.debugDescription)"
        case .dataCorrupted: return "it is not valid JSON"
        default: return "it is not one JSON object"
        }
    }
}
