extension DirectoryWalk {
    /// The names that a `.torrent` file may carry, sorted by their bytes; the others are reported.
    mutating func validNames(_ raw: [[UInt8]], in path: [String]) -> [String] {
        var names: [String] = []
        for bytes in raw.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            guard let name = String(validating: bytes, as: UTF8.self) else {
                report(.notUTF8, at: Self.shown(path, Self.escaped(bytes)))
                continue
            }
            if let flaw = nameFlaw(name) {
                report(flaw, at: Self.shown(path, Self.escaped(bytes)))
            } else {
                names.append(name)
            }
        }
        return names
    }

    private func nameFlaw(_ name: String) -> ScanProblem.Kind? {
        if name.utf8.count > limits.nameByteCountMax {
            return .nameTooLong(max: limits.nameByteCountMax)
        }
        for scalar in name.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control: return .unsafeName(character: "a control character")
            default: if scalar == "\\" { return .unsafeName(character: "a backslash") }
            }
        }
        return Self.isDeviceName(name) ? .deviceName : nil
    }

    /// The names that Windows gives to devices, with any extension and trailing spaces.
    private static func isDeviceName(_ name: String) -> Bool {
        var stem = name.prefix { $0 != "." }
        while stem.last == " " { stem.removeLast() }
        let upper = stem.uppercased()
        if ["CON", "PRN", "AUX", "NUL"].contains(upper) { return true }
        let isNumbered = upper.hasPrefix("COM") || upper.hasPrefix("LPT")
        return isNumbered && upper.utf8.count == 4 && ("1"..."9").contains(upper.last ?? "0")
    }

    /// Reports names that a case-insensitive or normalising file system takes for one. Strings
    /// compare by canonical equivalence, so one folded key finds both kinds.
    mutating func reportCollisions(among names: [String], in path: [String]) {
        var seen: [String: String] = [:]
        for name in names {
            let folded = name.uppercased().lowercased()
            guard let other = seen.updateValue(name, forKey: folded) else { continue }
            let difference: ScanProblem.Difference = name == other ? .normalisation : .letterCase
            report(
                .sameName(other: Self.shown(path, other), difference: difference),
                at: Self.shown(path, name)
            )
        }
    }

    private static func shown(_ path: [String], _ name: String) -> String {
        (path + [name]).joined(separator: "/")
    }

    /// The name with bytes that do not print as `\xNN`.
    private static func escaped(_ bytes: [UInt8]) -> String {
        bytes.map { byte in
            if (32..<127).contains(byte) { return String(UnicodeScalar(byte)) }
            return "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
    }
}
