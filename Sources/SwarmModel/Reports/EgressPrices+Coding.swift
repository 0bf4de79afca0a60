/// A price file, strictly: what is unknown, missing, repeated or out of bounds is an error that
/// names the key.
extension EgressPrices: Decodable {
    package init(from decoder: any Decoder) throws {
        let object = try StrictObject(
            decoder,
            keys: ["source", "date", "continents", "rules"],
            what: "a price file"
        )
        source = try object.text("source")
        date = try object.date("date")
        continents = try object.optional("continents") ?? []
        rules = try object.value("rules")
        guard continents.count <= Self.continentsMax else {
            throw object.flaw("continents", "has more than \(Self.continentsMax) entries")
        }
        guard rules.count <= Self.rulesMax else {
            throw object.flaw("rules", "has more than \(Self.rulesMax) entries")
        }
        for (index, continent) in continents.enumerated()
        where continents[..<index].contains(where: { $0.name == continent.name }) {
            throw object.flaw("continents", "has '\(continent.name)' twice")
        }
        for (index, rule) in rules.enumerated() {
            // The second would never be used.
            if let first = rules[..<index].firstIndex(where: { $0.hasSameConditions(as: rule) }) {
                throw object.flaw("rules", "[\(index)] has the same conditions as [\(first)]")
            }
        }
    }
}

extension EgressPrices.Continent: Decodable {
    package init(from decoder: any Decoder) throws {
        let object = try StrictObject(decoder, keys: ["name", "regions"], what: "a continent")
        name = try object.text("name")
        regions = try object.value("regions")
        let most = EgressPrices.patternsPerContinentMax
        guard regions.count <= most else {
            throw object.flaw("regions", "has more than \(most) entries")
        }
    }
}

extension EgressPrices.Rule: Decodable {
    package init(from decoder: any Decoder) throws {
        let object = try StrictObject(
            decoder,
            keys: ["from", "to", "level", "kind", "usdPerGB", "source", "date"],
            what: "a rule"
        )
        from = try object.optional("from")
        to = try object.optional("to")
        level = try object.choice("level")
        kind = try object.choice("kind")
        usdPerGB = try object.value("usdPerGB")
        source = try object.optionalText("source")
        date = try object.optionalDate("date")
        guard usdPerGB.isFinite, (0...EgressPrices.usdPerGBMax).contains(usdPerGB) else {
            throw object.flaw(
                "usdPerGB",
                "is \(usdPerGB); it must lie between 0 and \(EgressPrices.usdPerGBMax)"
            )
        }
    }

    fileprivate func hasSameConditions(as other: Self) -> Bool {
        from == other.from && to == other.to && level == other.level && kind == other.kind
    }
}

extension DomainPattern: Codable {
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        do {
            try self.init(text)
        } catch {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: error.description
            )
        }
    }
}

extension StrictObject {
    fileprivate func text(_ key: String) throws -> String {
        let text: String = try value(key)
        return try checked(text, key)
    }

    fileprivate func optionalText(_ key: String) throws -> String? {
        let text: String? = try optional(key)
        return try text.map { try checked($0, key) }
    }

    private func checked(_ text: String, _ key: String) throws -> String {
        let most = EgressPrices.textByteCountMax
        guard !text.isEmpty, text.utf8.count <= most else {
            throw flaw(key, "must be a text of 1 to \(most) bytes")
        }
        // It is shown on terminals.
        guard !text.unicodeScalars.contains(where: { $0.value < 32 || $0.value == 127 }) else {
            throw flaw(key, "has a control character")
        }
        return text
    }

    fileprivate func date(_ key: String) throws -> String { try checkedDate(text(key), key) }

    fileprivate func optionalDate(_ key: String) throws -> String? {
        try optionalText(key).map { try checkedDate($0, key) }
    }

    /// `2026-09-20` or `2026-09`.
    private func checkedDate(_ text: String, _ key: String) throws -> String {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        let hasDigits = parts.allSatisfy { $0.utf8.allSatisfy { (48...57).contains($0) } }
        guard hasDigits, [[4, 2], [4, 2, 2]].contains(parts.map(\.utf8.count)) else {
            throw flaw(key, "is '\(text)'; write it as 2026-09-20 or 2026-09")
        }
        return text
    }

    fileprivate func choice<T: RawRepresentable<String> & CaseIterable>(
        _ key: String
    ) throws -> T? {
        guard let text: String = try optional(key) else { return nil }
        guard let choice = T(rawValue: text) else {
            let names = T.allCases.map(\.rawValue).joined(separator: ", ")
            throw flaw(key, "is '\(text)'; it may be \(names)")
        }
        return choice
    }
}
