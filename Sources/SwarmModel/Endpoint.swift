/// An IP address and a TCP port, as compact peer lists carry them (BEP 23 for v4, BEP 7 for v6).
package struct Endpoint: Hashable, Sendable, Comparable {
    package enum Address: Hashable, Sendable {
        case v4(UInt32)
        case v6(high: UInt64, low: UInt64)
    }

    package let address: Address
    package let port: UInt16

    package init(address: Address, port: UInt16) {
        self.address = address
        self.port = port
    }

    /// Reads 6 (v4) or 18 (v6) bytes in network order; nil for any other length.
    package init?(compact bytes: some Collection<UInt8>) {
        func number<T: FixedWidthInteger>(_ part: some Sequence<UInt8>) -> T {
            part.reduce(T(0)) { $0 << 8 | T($1) }
        }
        switch bytes.count {
        case 6: address = .v4(number(bytes.prefix(4)))
        case 18:
            address = .v6(
                high: number(bytes.prefix(8)),
                low: number(bytes.dropFirst(8).prefix(8))
            )
        default: return nil
        }
        port = number(bytes.suffix(2))
    }

    /// 6 or 18 bytes in network order.
    package var compact: [UInt8] {
        var bytes: [UInt8] = []
        func append<T: FixedWidthInteger & UnsignedInteger>(_ number: T) {
            withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
        }
        switch address {
        case .v4(let number): append(number)
        case .v6(let high, let low):
            append(high)
            append(low)
        }
        append(port)
        return bytes
    }

    package var isV4: Bool { if case .v4 = address { true } else { false } }

    package static func < (a: Self, b: Self) -> Bool {
        a.compact.lexicographicallyPrecedes(b.compact)
    }
}

extension Endpoint: CustomStringConvertible {
    package var description: String {
        isV4 ? "\(addressText):\(port)" : "[\(addressText)]:\(port)"
    }

    /// The address without its port: dotted quad, or RFC 5952 form without zero compression's
    /// corner cases (the longest run of zero groups is shortened).
    package var addressText: String {
        switch address {
        case .v4(let number):
            return [24, 16, 8, 0].map { String(number >> UInt32($0) & 255) }.joined(separator: ".")
        case .v6(let high, let low):
            let groups = [high, low].flatMap { half in
                [48, 32, 16, 0].map { UInt16(truncatingIfNeeded: half >> UInt64($0)) }
            }
            return Self.shortened(groups)
        }
    }

    private static func shortened(_ groups: [UInt16]) -> String {
        var longest = 0..<0
        var start: Int?
        for index in 0...groups.count {
            if index < groups.count, groups[index] == 0 {
                start = start ?? index
            } else if let first = start {
                if index - first > max(1, longest.count) { longest = first..<index }
                start = nil
            }
        }
        func text(_ part: some Sequence<UInt16>) -> String {
            part.map { String($0, radix: 16) }.joined(separator: ":")
        }
        guard !longest.isEmpty else { return text(groups) }
        return text(groups[..<longest.lowerBound]) + "::" + text(groups[longest.upperBound...])
    }
}
