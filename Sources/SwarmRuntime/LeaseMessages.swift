package import SwarmModel

/// The bodies of the tracker's lease API, as both ends read them. Numbers of leases are texts,
/// since many readers of JSON keep only 53 bits of a number.
package enum LeaseBodies {
    /// Longest body of a request, in bytes.
    package static let byteCountMax = 64 << 10

    package struct Run: Codable, Hashable, Sendable {
        package var first: Int
        package var count: Int

        package init(_ pieces: Range<Int>) {
            first = pieces.lowerBound
            count = pieces.count
        }

        /// Nil when it is no run of pieces that could exist.
        package var pieces: Range<Int>? {
            guard first >= 0, count > 0, first < PieceGeometry.pieceCountMax,
                count <= PieceGeometry.pieceCountMax - first
            else { return nil }
            return first..<first + count
        }
    }

    /// `POST /api/v1/leases`.
    package struct Ask: Codable, Hashable, Sendable {
        package var swarm: String
        /// The peer's id in hexadecimal digits.
        package var peer: String
        package var origin: String
        package var pieces: [Run]
        package var countMax: Int

        package init(_ wish: LeaseWish, swarm: SwarmID, peer: PeerID) {
            self.swarm = swarm.description
            self.peer = Hex.encode(peer.bytes)
            origin = wish.origin.text
            pieces = wish.pieces.map { Run($0) }
            countMax = wish.countMax
        }

        package var wish: LeaseWish? {
            guard let origin = OriginID(origin), (1...LeaseWish.runsMax).contains(pieces.count),
                countMax > 0
            else { return nil }
            var runs: [Range<Int>] = []
            for run in pieces {
                guard let run = run.pieces else { return nil }
                runs.append(run)
            }
            return LeaseWish(origin: origin, pieces: runs, countMax: countMax)
        }
    }

    /// Its answer: a lease, or how long to wait before asking again.
    package struct Answer: Codable, Hashable, Sendable {
        package var lease: Lease?
        package var lifetimeSeconds: Double?
        package var waitSeconds: Double?

        package init(_ answer: LeaseAnswer) {
            switch answer {
            case .granted(let claim, let lifetime):
                lease = Lease(claim)
                lifetimeSeconds = lifetime.inSeconds
            case .wait(let wait): waitSeconds = wait.inSeconds
            case .unanswered: break
            }
        }

        /// Nil when it says nothing that we understand.
        package var value: LeaseAnswer? {
            if let claim = lease?.claim, let lifetime = Self.duration(lifetimeSeconds) {
                return .granted(claim, lifetime: lifetime)
            }
            return Self.duration(waitSeconds).map { .wait($0) }
        }

        package static func duration(_ seconds: Double?) -> Duration? {
            guard let seconds, (0...86_400).contains(seconds) else { return nil }
            return .milliseconds(Int64(seconds * 1000))
        }
    }

    package struct Lease: Codable, Hashable, Sendable {
        package var number: String
        package var origin: String
        package var pieces: Run

        package init(_ claim: LeaseClaim) {
            number = String(claim.number)
            origin = claim.origin.text
            pieces = Run(claim.pieces)
        }

        package var claim: LeaseClaim? {
            guard let number = UInt64(number), let origin = OriginID(origin),
                let pieces = pieces.pieces
            else { return nil }
            return LeaseClaim(number: number, origin: origin, pieces: pieces)
        }
    }

    /// `POST /api/v1/leases/renew` and `POST /api/v1/leases/end`.
    package struct Word: Codable, Hashable, Sendable {
        package var swarm: String
        package var peer: String
        package var lease: Lease
        /// How it ended; only in `end`.
        package var end: String?

        package init(_ claim: LeaseClaim, end: LeaseEnd? = nil, swarm: SwarmID, peer: PeerID) {
            self.swarm = swarm.description
            self.peer = Hex.encode(peer.bytes)
            lease = Lease(claim)
            self.end = end?.rawValue
        }
    }

    /// The answer to `renew`; no lifetime when the pieces are somebody else's now.
    package struct Renewal: Codable, Hashable, Sendable {
        package var lifetimeSeconds: Double?

        package init(lifetime: Duration?) { lifetimeSeconds = lifetime?.inSeconds }
        package var lifetime: Duration? { Answer.duration(lifetimeSeconds) }
    }

    package static func swarm(_ text: String) -> SwarmID? {
        text.utf8.count == 40 ? Hex.decode(text).flatMap { SwarmID($0) } : nil
    }

    package static func peer(_ text: String) -> PeerID? {
        text.utf8.count == 40 ? Hex.decode(text).flatMap { PeerID($0) } : nil
    }
}
