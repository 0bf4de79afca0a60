extension Endpoint {
    /// Reads `1.2.3.4:80` or `[2001:db8::1]:80`. Nil for anything else: names are not looked up.
    package init?(parsing text: some StringProtocol) {
        guard let colon = text.lastIndex(of: ":"),
            let port = Self.decimal(text[text.index(after: colon)...].utf8, max: 65535)
        else { return nil }
        let host = text[..<colon]
        if host.first == "[", host.last == "]", host.count > 2 {
            guard let address = Address(v6: host.dropFirst().dropLast()) else { return nil }
            self.init(address: address, port: UInt16(port))
        } else {
            guard let address = Address(v4: host) else { return nil }
            self.init(address: address, port: UInt16(port))
        }
    }

    /// Digits without a sign or leading zeros.
    fileprivate static func decimal(_ digits: some Collection<UInt8>, max: Int) -> Int? {
        guard (1...5).contains(digits.count) else { return nil }
        guard digits.count == 1 || digits.first != UInt8(ascii: "0") else { return nil }
        var number = 0
        for byte in digits {
            let digit = byte &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            number = number * 10 + Int(digit)
        }
        return number <= max ? number : nil
    }
}

extension Endpoint.Address {
    /// Reads an address of either family, without brackets or port.
    package init?(parsing text: some StringProtocol) {
        if let address = Self(v4: text) ?? Self(v6: text) { self = address } else { return nil }
    }

    /// Reads a dotted quad. Leading zeros are refused: some systems take them for octal.
    package init?(v4 text: some StringProtocol) {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var number: UInt32 = 0
        for part in parts {
            guard let byte = Endpoint.decimal(part, max: 255) else { return nil }
            number = number << 8 | UInt32(byte)
        }
        self = .v4(number)
    }

    /// Reads any text form of RFC 4291, section 2.2. Zones (`%eth0`) are refused.
    package init?(v6 text: some StringProtocol) {
        let text = String(text)
        guard text.utf8.count <= 45 else { return nil }
        let groups: [UInt16]
        if let gap = text.utf8Range(of: "::") {
            guard let head = Self.groups(text[..<gap.lowerBound], mayEndInV4: false),
                let tail = Self.groups(text[gap.upperBound...], mayEndInV4: true),
                head.count + tail.count < 8
            else { return nil }
            let zeros = [UInt16](repeating: 0, count: 8 - head.count - tail.count)
            groups = head + zeros + tail
        } else {
            guard let all = Self.groups(text[...], mayEndInV4: true), all.count == 8 else {
                return nil
            }
            groups = all
        }
        func half(_ part: ArraySlice<UInt16>) -> UInt64 {
            part.reduce(0) { $0 << 16 | UInt64($1) }
        }
        self = .v6(high: half(groups[..<4]), low: half(groups[4...]))
    }

    /// Groups of up to four hexadecimal digits, the last two perhaps as a dotted quad.
    private static func groups(_ text: Substring, mayEndInV4: Bool) -> [UInt16]? {
        if text.isEmpty { return [] }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        var groups: [UInt16] = []
        for (index, part) in parts.enumerated() {
            if mayEndInV4, index == parts.count - 1, case .v4(let number)? = Self(v4: part) {
                groups.append(UInt16(number >> 16))
                groups.append(UInt16(truncatingIfNeeded: number))
                continue
            }
            guard (1...4).contains(part.utf8.count), part.utf8.first != UInt8(ascii: "+"),
                let group = UInt16(part, radix: 16)
            else { return nil }
            groups.append(group)
        }
        return groups.count <= 8 ? groups : nil
    }
}

extension String {
    /// Where two characters of ASCII first follow one another.
    fileprivate func utf8Range(of pair: String) -> Range<String.Index>? {
        var start = utf8.startIndex
        while start < utf8.endIndex {
            if utf8[start...].starts(with: pair.utf8) {
                return start..<utf8.index(start, offsetBy: pair.utf8.count)
            }
            start = utf8.index(after: start)
        }
        return nil
    }
}
