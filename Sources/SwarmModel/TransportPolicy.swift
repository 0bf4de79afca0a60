/// How the bytes of a connection travel: in the clear, or in TLS 1.3 with certificates on both
/// ends.
package enum LinkProtection: String, Hashable, Sendable, CaseIterable {
    case plain, tls
}

/// Which connections must be TLS, by how far apart the two ends are. What is demanded at one level
/// is demanded at every farther one, so that a host whose place is not known can be treated as the
/// farthest without being let in too easily.
package struct TransportPolicy: Hashable, Sendable {
    /// The nearest level at which TLS is demanded; nil when it is demanded nowhere.
    package let tlsFrom: Proximity?

    /// The levels that may be named, from near to far. An unknown distance counts as the last.
    package static let levels: [Proximity] = [.rack, .region, .cloud, .otherCloud]

    /// No connection need be TLS.
    package static let plain = TransportPolicy(tlsFrom: nil)

    private init(tlsFrom: Proximity?) { self.tlsFrom = tlsFrom }

    package func protection(at proximity: Proximity) -> LinkProtection {
        guard let tlsFrom else { return .plain }
        return proximity >= tlsFrom ? .tls : .plain
    }

    /// Whether a connection in the clear can be right at all.
    package var allowsPlain: Bool { tlsFrom != .rack }
    /// Whether any connection must be TLS.
    package var demandsTLS: Bool { tlsFrom != nil }
}

extension TransportPolicy {
    /// Why a text is no policy.
    package enum Flaw: Error, Hashable, Sendable, CustomStringConvertible {
        case notAPair(String)
        case unknownLevel(String)
        case unknownProtection(String)
        case namedTwice(Proximity)
        /// The farther level is less protected than the nearer one.
        case weakerFartherOut(near: Proximity, far: Proximity)

        package var description: String {
            switch self {
            case .notAPair(let text): "'\(text)' is not LEVEL=plain or LEVEL=tls"
            case .unknownLevel(let text):
                "there is no level '\(text)', only rack, region, cloud and otherCloud"
            case .unknownProtection(let text): "'\(text)' is neither plain nor tls"
            case .namedTwice(let level): "\(level.rawValue) is named twice"
            case .weakerFartherOut(let near, let far):
                "\(far.rawValue) cannot be plain while \(near.rawValue), which is nearer, is tls"
            }
        }
    }

    /// Reads `otherCloud=tls,cloud=tls`. A level that is not named is as its next nearer one; the
    /// nearest is plain.
    package init(_ text: some StringProtocol) throws(Flaw) {
        var named: [(level: Proximity, protection: LinkProtection)] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let pair = try Self.pair(part)
            guard !named.contains(where: { $0.level == pair.level }) else {
                throw .namedTwice(pair.level)
            }
            named.append(pair)
        }
        let tlsFrom = named.filter { $0.protection == .tls }.map(\.level).min()
        if let tlsFrom {
            let weaker = named.filter { $0.protection == .plain && $0.level > tlsFrom }
            if let far = weaker.map(\.level).min() {
                throw .weakerFartherOut(near: tlsFrom, far: far)
            }
        }
        self.init(tlsFrom: tlsFrom)
    }

    private static func pair(
        _ text: some StringProtocol
    ) throws(Flaw) -> (level: Proximity, protection: LinkProtection) {
        let parts = text.split(separator: "=", omittingEmptySubsequences: false)
            .map { String($0.drop { $0 == " " }) }
        guard parts.count == 2 else { throw .notAPair(String(text)) }
        guard let level = levels.first(where: { $0.rawValue == parts[0] }) else {
            throw .unknownLevel(parts[0])
        }
        guard let protection = LinkProtection(rawValue: parts[1]) else {
            throw .unknownProtection(parts[1])
        }
        return (level, protection)
    }
}

extension TransportPolicy: CustomStringConvertible {
    package var description: String {
        Self.levels.map { "\($0.rawValue)=\(protection(at: $0).rawValue)" }.joined(separator: ",")
    }
}
