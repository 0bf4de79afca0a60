import SwarmModel

/// An object of a plan while it is read. Each key is taken once; what is left at the end is not
/// known and therefore an error: a misspelt key must not silently leave a default in force.
struct PlanSection {
    let path: String
    let line: Int
    private var fields: [JSONText.Field]
    private var known: [String] = []

    init(_ text: JSONText, path: String) throws(PlanError) {
        guard case .object(let fields, let line) = text else {
            throw PlanError(
                line: text.line,
                key: path,
                what: "must be an object and is \(text.kind)"
            )
        }
        self.path = path
        self.line = line
        self.fields = fields
    }

    func name(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    func failure(_ key: String, _ what: String, line: Int? = nil) -> PlanError {
        PlanError(line: line ?? self.line, key: name(key), what: what)
    }

    mutating func take(_ key: String) -> JSONText? {
        known.append(key)
        guard let index = fields.firstIndex(where: { $0.key == key }) else { return nil }
        return fields.remove(at: index).value
    }

    func finish() throws(PlanError) {
        guard let field = fields.first else { return }
        let names = known.sorted().joined(separator: ", ")
        throw PlanError(
            line: field.line,
            key: name(field.key),
            what: "is not a known key; known here: \(names)"
        )
    }

    // MARK: Values

    mutating func string(_ key: String) throws(PlanError) -> String? {
        guard let value = take(key) else { return nil }
        guard case .string(let text, _) = value else {
            throw failure(key, "must be a text and is \(value.kind)", line: value.line)
        }
        return text
    }

    mutating func bool(_ key: String) throws(PlanError) -> Bool? {
        guard let value = take(key) else { return nil }
        guard case .bool(let flag, _) = value else {
            throw failure(key, "must be true or false and is \(value.kind)", line: value.line)
        }
        return flag
    }

    /// One of the words; the case of an enumeration.
    mutating func word<T: RawRepresentable & CaseIterable>(
        _ key: String,
        _ type: T.Type
    ) throws(PlanError) -> T? where T.RawValue == String {
        guard let value = take(key) else { return nil }
        if case .string(let text, _) = value, let word = T(rawValue: text) { return word }
        let words = T.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
        throw failure(key, "must be one of \(words)", line: value.line)
    }

    mutating func locality(_ key: String) throws(PlanError) -> Locality? {
        let line = fields.first { $0.key == key }?.line
        guard let text = try string(key) else { return nil }
        do {
            let locality = try Locality(text)
            guard !locality.labels.isEmpty else { throw failure(key, "is empty", line: line) }
            return locality
        } catch let error as PlanError {
            throw error
        } catch {
            throw failure(key, "'\(text)' has \(error)", line: line)
        }
    }

    /// A quantity, or two in a list between which the seed draws.
    mutating func draw(
        _ key: String,
        _ unit: PlanUnit = .number,
        in bounds: ClosedRange<Double> = 0...1e18
    ) throws(PlanError) -> Draw? {
        guard let value = take(key) else { return nil }
        guard case .array(let items, let line) = value else {
            return Draw(try quantity(value, key, unit, bounds))
        }
        guard items.count == 2 else {
            throw failure(key, "must have two values, the least and the most", line: line)
        }
        let low = try quantity(items[0], key, unit, bounds)
        let high = try quantity(items[1], key, unit, bounds)
        guard low <= high else {
            throw failure(key, "has a first value above the second", line: line)
        }
        return Draw(low, high)
    }

    /// A quantity that no seed changes.
    mutating func fixed(
        _ key: String,
        _ unit: PlanUnit = .number,
        in bounds: ClosedRange<Double> = 0...1e18
    ) throws(PlanError) -> Double? {
        guard let value = take(key) else { return nil }
        return try quantity(value, key, unit, bounds)
    }

    private func quantity(
        _ value: JSONText,
        _ key: String,
        _ unit: PlanUnit,
        _ bounds: ClosedRange<Double>
    ) throws(PlanError) -> Double {
        let number: Double?
        switch value {
        case .number(let plain, _): number = plain
        case .string(let text, _): number = unit.value(of: text)
        default: number = nil
        }
        guard let number else {
            throw failure(key, "must be \(unit.example)", line: value.line)
        }
        guard bounds.contains(number) else {
            let range = "\(bounds.lowerBound) to \(bounds.upperBound)"
            throw failure(key, "is \(number), outside of \(range)", line: value.line)
        }
        return number
    }

    /// A list of objects, each read by `read`.
    mutating func list<T>(
        _ key: String,
        _ read: (inout PlanSection) throws(PlanError) -> T
    ) throws(PlanError) -> [T]? {
        guard let value = take(key) else { return nil }
        guard case .array(let items, _) = value else {
            throw failure(key, "must be a list and is \(value.kind)", line: value.line)
        }
        var result: [T] = []
        for (index, item) in items.enumerated() {
            var section = try PlanSection(item, path: "\(name(key))[\(index)]")
            result.append(try read(&section))
            try section.finish()
        }
        return result
    }

    mutating func sectionIfPresent<T>(
        _ key: String,
        _ read: (inout PlanSection) throws(PlanError) -> T
    ) throws(PlanError) -> T? {
        guard fields.contains(where: { $0.key == key }) else {
            known.append(key)
            return nil
        }
        return try section(key, read)
    }

    /// An object within this one; an empty one when it is not there.
    mutating func section<T>(
        _ key: String,
        _ read: (inout PlanSection) throws(PlanError) -> T
    ) throws(PlanError) -> T {
        let value = take(key) ?? .object([], line: line)
        var section = try PlanSection(value, path: name(key))
        let result = try read(&section)
        try section.finish()
        return result
    }
}
