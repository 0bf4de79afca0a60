import Foundation

/// Finds each setting's value: the flag if given, else the environment, else the file, else the
/// default. Every setting of a command is asked for once; then ``finish()`` refuses what nobody
/// asked for.
struct SettingsResolver {
    /// One resolved setting, as `--print-config` shows it.
    struct Line: Hashable, Encodable {
        let name: String
        let value: String
        /// In words: `default`, `file PATH`, `environment NAME`, `flag --NAME`.
        let source: String
    }

    private let file: SettingsFile?
    private let environment: [String: String]
    /// In the order in which the settings were asked for.
    private(set) var lines: [Line] = []

    /// Reads the settings file: `path`, or else what SHOAL_CONFIG names, or else none.
    init(
        file path: String?,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(CommandFailure) {
        let path = path ?? environment["SHOAL_CONFIG"]
        file = try path.map { path throws(CommandFailure) in try SettingsFile(path: path) }
        self.environment = environment
    }

    init(file: SettingsFile?, environment: [String: String]) {
        self.file = file
        self.environment = environment
    }

    /// The value of a setting. `flag` is what the command line says, nil (or for a list: nothing)
    /// when it is silent.
    mutating func value<Value>(
        of setting: Setting<Value>,
        flag: Value?,
        default preset: Value
    ) throws(CommandFailure) -> Value {
        let (value, source) = try find(setting, flag) ?? (preset, .preset)
        lines.append(
            Line(name: setting.name, value: setting.show(value), source: source.description)
        )
        return value
    }

    /// As ``value(of:flag:default:)`` for a setting without a default.
    mutating func value<Value>(
        of setting: Setting<Value>,
        flag: Value?
    ) throws(CommandFailure) -> Value? {
        let found = try find(setting, flag)
        lines.append(
            Line(
                name: setting.name,
                value: found.map { setting.show($0.0) } ?? "",
                source: (found?.1 ?? .preset).description
            )
        )
        return found?.0
    }

    /// As ``value(of:flag:default:)`` for a setting that may be repeated; an empty `flags` is
    /// silent.
    mutating func values<Element>(
        of setting: Setting<[Element]>,
        flags: [Element],
        default preset: [Element] = []
    ) throws(CommandFailure) -> [Element] {
        try value(of: setting, flag: flags.isEmpty ? nil : flags, default: preset)
    }

    /// Refuses keys of the file that no setting has.
    func finish() throws(CommandFailure) {
        guard let file else { return }
        let known = lines.map(\.name)
        let unknown = file.values.keys.filter { !known.contains($0) }.sorted()
        guard let first = unknown.first else { return }
        let names =
            unknown.count == 1 ? "'\(first)'" : unknown.map { "'\($0)'" }.joined(separator: ", ")
        throw CommandFailure(
            .failure,
            "'\(file.path)' sets \(names), which does not exist",
            remedy: "one of: \(known.sorted().joined(separator: ", "))"
        )
    }

    /// What `--print-config` prints as text: name, value and source in columns.
    var text: String {
        let rows = lines.map {
            [$0.name, $0.value.isEmpty ? "(none)" : $0.value, "(\($0.source))"]
        }
        return TextTable(rows: rows).text
    }

    private func find<Value>(
        _ setting: Setting<Value>,
        _ flag: Value?
    ) throws(CommandFailure) -> (Value, SettingSource)? {
        if let flag { return (flag, .flag("--\(setting.name)")) }
        // An empty variable is as good as none: that is how scripts unset it.
        if let text = environment[setting.environmentName], !text.isEmpty {
            let texts = setting.isList ? Self.parts(of: text) : [text]
            let source = SettingSource.environment(setting.environmentName)
            return (try Self.parse(texts, as: setting, source), source)
        }
        guard let file, let value = file.values[setting.name] else { return nil }
        guard setting.isList || !value.isArray else {
            throw CommandFailure(
                .failure,
                "'\(setting.name)' in \(file.path) takes one value, not a list"
            )
        }
        let source = SettingSource.file(file.path)
        return (try Self.parse(value.texts, as: setting, source), source)
    }

    private static func parts(of text: String) -> [String] {
        text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { !$0.isEmpty }
    }

    private static func parse<Value>(
        _ texts: [String],
        as setting: Setting<Value>,
        _ source: SettingSource
    ) throws(CommandFailure) -> Value {
        do {
            return try setting.parse(texts)
        } catch {
            throw CommandFailure(
                .failure,
                "the setting '\(setting.name)' is '\(error.text)' (\(source))",
                remedy: error.expected
            )
        }
    }
}
