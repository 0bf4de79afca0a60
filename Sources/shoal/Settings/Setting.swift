/// One thing that an operator may set: `listen` is the key in the settings file, `SHOAL_LISTEN` the
/// environment variable and `--listen` the flag.
struct Setting<Value: Sendable>: Sendable {
    /// Lower case with dashes.
    let name: String
    /// Whether several values may be given: an array in the file, commas in the environment.
    let isList: Bool
    /// Reads the texts given, one unless ``isList``; throws a ``SettingFlaw`` that says what is
    /// expected.
    let parse: @Sendable ([String]) throws(SettingFlaw) -> Value
    /// How `--print-config` shows the value.
    let show: @Sendable (Value) -> String

    var environmentName: String {
        "SHOAL_" + name.uppercased().replacing("-", with: "_")
    }

    /// A setting with one value. `read` gives nil when the text is not `expected`, such as
    /// `a number of seconds`.
    static func one(
        _ name: String,
        expected: String,
        show: @escaping @Sendable (Value) -> String = { "\($0)" },
        read: @escaping @Sendable (String) -> Value?
    ) -> Self {
        Setting(
            name: name,
            isList: false,
            parse: { texts throws(SettingFlaw) in
                guard let value = read(texts[0]) else {
                    throw SettingFlaw(text: texts[0], expected: expected)
                }
                return value
            },
            show: show
        )
    }

    /// A setting with any number of values.
    static func list<Element: Sendable>(
        _ name: String,
        expected: String,
        show: @escaping @Sendable (Element) -> String = { "\($0)" },
        read: @escaping @Sendable (String) -> Element?
    ) -> Self where Value == [Element] {
        Setting(
            name: name,
            isList: true,
            parse: { texts throws(SettingFlaw) in
                var values: [Element] = []
                for text in texts {
                    guard let value = read(text) else {
                        throw SettingFlaw(text: text, expected: expected)
                    }
                    values.append(value)
                }
                return values
            },
            show: { $0.map(show).joined(separator: ",") }
        )
    }
}

extension Setting<String> {
    /// Any text that is not empty.
    static func text(_ name: String) -> Self {
        one(name, expected: "a text that is not empty", show: { $0 }) { $0.isEmpty ? nil : $0 }
    }
}

extension Setting<Int> {
    /// A whole number in a range.
    static func number(_ name: String, in range: ClosedRange<Int>) -> Self {
        one(name, expected: "a whole number from \(range.lowerBound) to \(range.upperBound)") {
            Int($0).flatMap { range.contains($0) ? $0 : nil }
        }
    }
}

extension Setting<Bool> {
    static func flag(_ name: String) -> Self {
        one(name, expected: "true or false") { Bool($0.lowercased()) }
    }
}

extension Setting<ByteCount> {
    static func bytes(_ name: String) -> Self {
        one(name, expected: "a number of bytes, such as 16384, 64KiB or 2TB", show: { $0.exact }) {
            ByteCount($0)
        }
    }
}

/// A value that a setting cannot take.
struct SettingFlaw: Error, Hashable {
    let text: String
    let expected: String
}

/// Where a setting's value came from; later ones win.
enum SettingSource: Hashable, CustomStringConvertible {
    case preset
    case file(String)
    case environment(String)
    case flag(String)

    var description: String {
        switch self {
        case .preset: "default"
        case .file(let path): "file \(path)"
        case .environment(let name): "environment \(name)"
        case .flag(let name): "flag \(name)"
        }
    }
}
