import OrderedCollections
package import SwarmModel

/// Which connections must be TLS (``SwarmSettings/transportPolicy``).
///
/// Where a host is decides, and of one that dials us that is known only when its extended handshake
/// has said so. Until then a connection in the clear is treated as the farthest there is: if that
/// would have to be TLS, it may say what it has and where it is, and nothing else.
extension Swarm {
    /// How to dial an address.
    package func protection(of endpoint: Endpoint) -> LinkProtection {
        protection(to: whereabouts.locality(of: endpoint))
    }

    private func protection(to other: Locality) -> LinkProtection {
        settings.transportPolicy.protection(at: settings.locality.proximity(to: other))
    }

    /// Whether the remote's word on its place is needed before anything goes over the connection.
    func mustProvePlace(_ facts: ConnectionFacts) -> Bool {
        guard !facts.isEncrypted else { return false }
        return facts.isIncoming
            ? protection(to: .unknown) == .tls : protection(of: facts.endpoint) == .tls
    }

    /// Why a new connection cannot become one that the policy allows; nil when it can.
    func refusal(of facts: ConnectionFacts) -> CloseCause? {
        guard !facts.isEncrypted else { return nil }
        let canProve = settings.transportPolicy.allowsPlain && facts.supportsExtensions
        return mustProvePlace(facts) && !canProve ? unprotected(.unknown) : nil
    }

    /// Closes a connection whose message must not go in the clear. False when it was closed.
    mutating func admits(
        _ message: PeerMessage,
        from id: ConnectionID,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) -> Bool {
        // Asked for every message, and nearly always this is all there is to it.
        if case .extendedHandshake = message {
        } else if sessions.with(id, { $0.mustProvePlace }) != true {
            return true
        }
        guard let session = sessions[id], !session.facts.isEncrypted else { return true }
        let refused: CloseCause?
        if case .extendedHandshake(let extended) = message {
            let place = extended.locality ?? session.locality
            refused = protection(to: place) == .tls ? unprotected(place) : nil
            if refused == nil { sessions[id]?.mustProvePlace = false }
        } else {
            refused = session.mustProvePlace && !message.isHarmless ? unprotected(.unknown) : nil
        }
        guard let refused else { return true }
        actions.append(
            .trace(.plaintextRefused(session.facts.endpoint, reason: refused.description))
        )
        close(id, refused, at: now, into: &actions)
        return false
    }

    private func unprotected(_ other: Locality) -> CloseCause {
        let proximity = settings.locality.proximity(to: other)
        let place = other == .unknown ? "a host that does not say where it is" : "'\(other)'"
        return .unprotected("\(place) (\(proximity.rawValue)) must use TLS, and came in the clear")
    }
}

extension PeerMessage {
    /// Asks for nothing and carries nothing of the content: may come before the sender's place.
    fileprivate var isHarmless: Bool {
        switch self {
        case .keepAlive, .bitfield, .haveAll, .haveNone, .have, .doesNotHave, .choke,
            .notInterested, .allowedFast, .suggest, .uploadOnly, .unknown:
            true
        default: false
        }
    }
}
