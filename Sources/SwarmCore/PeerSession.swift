package import SwarmModel

/// What a peer did that the protocol does not allow. The connection is closed; the peer is not
/// banned, since only wrong bytes prove ill will or a broken host.
package struct Violation: Error, Hashable, Sendable {
    package let what: String
    package init(_ what: String) { self.what = what }
}

/// One connection as the protocol sees it: who chokes and wants whom, what the peer has, what was
/// asked of it and what it asked for. Knows nothing of other connections.
///
/// Availability: *unsaid* until the first of bitfield, have-all, have-none or have (BEP 3, BEP 6);
/// *raw* while the number of pieces is unknown (a magnet join); *known* after that.
package struct PeerSession: Sendable {
    package enum Availability: Hashable, Sendable {
        case unsaid
        case raw(RawAvailability)
        case known(Bitfield)
    }

    /// What a peer said before we knew how many pieces there are.
    package struct RawAvailability: Hashable, Sendable {
        package var bitfield: [UInt8]?
        package var hasAll = false
        package var haves: [UInt32] = []
        /// Haves kept; a peer that sends more before we have metadata is closed.
        package static let havesMax = 1 << 16
    }

    package let id: ConnectionID
    package let isIncoming: Bool
    private let boxedFacts: Boxed<ConnectionFacts>
    package let openedAt: Instant
    package private(set) var availability = Availability.unsaid
    /// Pieces that it says it has and that we do not ask of it, since it once sent them wrong.
    package private(set) var doubted: [PieceIndex] = []
    private var boxedHandshake = Boxed<ExtendedHandshake?>(nil)
    /// Speaks our extensions.
    package private(set) var isOurs = false
    package private(set) var takesIntents = false
    package private(set) var takesUplinks = false
    /// Bytes a second that it says it can send.
    package var uplink: UInt64?
    /// It says that it is slow.
    package var isSlow = false
    /// When it last said so, or the reverse, and what it has said too soon after.
    var uplinkHeardAt: Instant?
    var uplinkWaiting: UplinkReport?
    /// Pieces that it had when they were last counted.
    package var piecesBefore: Int?
    package private(set) var takesDoesNotHave = false
    /// The longest request that it serves, and how many it queues, if it says.
    private var theirRequestLength: Int?
    private var theirQueueLength: Int?
    package var isUploadOnly = false
    /// It came in the clear, and only its place can allow that.
    package var mustProvePlace: Bool

    // As BEP 3 starts a connection: choked and not interested on both sides.
    package var amChoking = true
    package var amInterested = false
    package var isChoking = true
    package var isInterested = false

    package var pipeline: RequestPipeline
    package var uploads = UploadQueue()
    package var receivedBytes = 0
    package var lastReceivedAt: Instant
    package var lastSentAt: Instant
    /// When it last heard that what it asked for waits.
    package var noticedAt: Instant?
    /// Pieces that the peer has and we lack.
    package var interestingCount = 0
    package var hashServes = 0
    /// Parts of metadata given to it.
    package var metadataServes = 0
    /// Its pieces are in the picker's counts: those of a peer that came complete are not, nor those
    /// of one that has said nothing.
    package var isCounted = false
    /// Its peer's key in the ranks.
    package let key: UInt64
    /// This host needs it for its imports, or it is of the same rack.
    package var isDuty = false
    /// The narrowest domain that it shares with us.
    package var level = 0 {
        didSet { barrenSince = nil }
    }
    /// How it is counted among the holders; nil while it is not.
    package var placement: Placement?
    /// When it last got a piece or said that it fetches one.
    package var progressAt: Instant
    /// Since when it chokes.
    package var chokingSince: Instant
    /// Nothing is asked of it before then: it rejects while it does not choke.
    package private(set) var refusesUntil: Instant?
    private var refusals = 0
    /// What the picker's offers were when it had nothing to ask of this peer; nil when that may
    /// have changed since.
    package var barrenSince: UInt64?
    /// When it was last unchoked, for rotation.
    package var unchokedAt: Instant?

    package init(_ facts: ConnectionFacts, at now: Instant, mustProvePlace: Bool = false) {
        id = facts.id
        isIncoming = facts.isIncoming
        boxedFacts = Boxed(facts)
        key = Roster.key(of: facts.peer)
        self.mustProvePlace = mustProvePlace
        openedAt = now
        lastReceivedAt = now
        lastSentAt = now
        progressAt = now
        chokingSince = now
        pipeline = RequestPipeline(at: now)
    }

    package struct Placement: Hashable, Sendable {
        package var level: Int
        /// It came complete, and counts for every piece.
        package var isComplete: Bool
    }

    package var facts: ConnectionFacts { boxedFacts.value }
    package var extended: ExtendedHandshake? { boxedHandshake.value }

    /// It may be asked for blocks.
    package var isAskable: Bool { !isChoking && refusesUntil == nil && amInterested }

    /// The pieces the peer has; nil while that is not known.
    package var pieces: Bitfield? {
        if case .known(let pieces) = availability { pieces } else { nil }
    }
    package func has(_ piece: PieceIndex) -> Bool {
        if case .known(let pieces) = availability { pieces[piece] } else { false }
    }
    /// Has every piece. Of a version without pieces nobody is a seed: it is only a source of
    /// metadata.
    package var isSeed: Bool {
        if case .known(let pieces) = availability {
            pieces.isFull && pieces.count > 0
        } else {
            false
        }
    }
    package var hasSaidAvailability: Bool { availability != .unsaid }

    /// Where the peer listens, as far as it is known.
    package var listenEndpoint: Endpoint? {
        guard facts.isIncoming else { return facts.endpoint }
        guard let port = extended?.listenPort, port != 0 else { return nil }
        return Endpoint(address: facts.endpoint.address, port: port)
    }

    // An extension whose id is 0 is switched off (BEP 10).
    package var takesMetadata: Bool { extended?.metadataID ?? 0 != 0 }
    package var takesUploadOnly: Bool { extended?.uploadOnlyID ?? 0 != 0 }

    package var locality: Locality { extended?.locality ?? .unknown }

    /// Bytes of one request to this peer.
    package func requestLength(_ limits: RequestLimits, at now: Instant) -> Int {
        guard let theirs = theirRequestLength else { return limits.foreignRequestLength }
        let isFast = pipeline.bytesPerSecond(at: now) >= limits.longRequestRate
        let wanted = isFast ? limits.longRequestLength : limits.requestLength
        let limit = min(wanted, theirs, limits.requestLengthMax)
        return max(limit, limits.foreignRequestLength)
    }

    /// How much more is to be asked of it, in requests of `unit` bytes.
    package func need(
        _ limits: RequestLimits,
        at now: Instant
    ) -> (bytes: Int, requests: Int, unit: Int) {
        let unit = requestLength(limits, at: now)
        let depth = pipeline.depth(limits, unit: unit, at: now)
        let requests = queueLength(limits) - pipeline.requests.count
        return (depth - pipeline.outstandingBytes, requests, unit)
    }

    /// Requests the peer queues (`reqq`).
    package func queueLength(_ limits: RequestLimits) -> Int {
        let theirs = theirQueueLength ?? limits.foreignQueueLength
        return max(1, min(theirs, limits.queueLengthMax))
    }

    /// A later extended handshake changes what it names and leaves the rest (BEP 10).
    package mutating func says(_ handshake: ExtendedHandshake) {
        var merged = handshake
        if let before = extended {
            merged.metadataID = merged.metadataID ?? before.metadataID
            merged.doesNotHaveID = merged.doesNotHaveID ?? before.doesNotHaveID
            merged.uploadOnlyID = merged.uploadOnlyID ?? before.uploadOnlyID
            merged.intentID = merged.intentID ?? before.intentID
            merged.uplinkID = merged.uplinkID ?? before.uplinkID
            merged.client = merged.client ?? before.client
            merged.listenPort = merged.listenPort ?? before.listenPort
            merged.requestQueueLength = merged.requestQueueLength ?? before.requestQueueLength
            merged.metadataSize = merged.metadataSize ?? before.metadataSize
            merged.locality = merged.locality ?? before.locality
            merged.generation = merged.generation ?? before.generation
            merged.requestLengthMax = merged.requestLengthMax ?? before.requestLengthMax
        }
        boxedHandshake = Boxed(merged)
        isOurs = merged.requestLengthMax != nil
        takesIntents = merged.intentID ?? 0 != 0
        takesUplinks = merged.uplinkID ?? 0 != 0
        takesDoesNotHave = merged.doesNotHaveID ?? 0 != 0
        theirRequestLength = merged.requestLengthMax
        theirQueueLength = merged.requestQueueLength
        if handshake.uploadOnly { isUploadOnly = true }
    }

    /// Whether blocks can be had of it: a holder that never serves must not keep us from others.
    package func serves(at now: Instant, chokeGrace: Duration) -> Bool {
        !pipeline.isSnubbed && refusesUntil == nil
            && (!isChoking || now - chokingSince < chokeGrace)
    }

    /// How it is to be counted among the holders. What a slow one has that is waited for no longer
    /// might as well be anywhere: it may be had of it, and whoever imports into this domain may
    /// fetch it too.
    package func wantedPlacement(
        chokeGrace: Duration,
        trustsSlow: Bool,
        at now: Instant
    ) -> Placement? {
        guard case .known = availability, serves(at: now, chokeGrace: chokeGrace) else {
            return nil
        }
        let isFar = isSlow && isCounted && !trustsSlow
        return Placement(level: isFar ? 0 : level, isComplete: !isCounted)
    }

    // MARK: Refusals

    /// It rejected a request though it does not choke: an honest peer whose disk fails, or one that
    /// will never serve. Each such reject in a row doubles the wait.
    package mutating func refused(at now: Instant) {
        guard refusesUntil == nil else { return }
        refusesUntil = now + min(.milliseconds(500) * Double(1 << refusals), .seconds(60))
        refusals = min(refusals + 1, 7)
    }

    /// It sent a block.
    package mutating func obliged() {
        refusals = 0
        refusesUntil = nil
    }

    /// True when a wait ended.
    package mutating func endRefusal(at now: Instant) -> Bool {
        guard let until = refusesUntil, until <= now else { return false }
        refusesUntil = nil
        return true
    }

    // MARK: What the peer has

    package mutating func saysBitfield(_ bytes: [UInt8], _ geometry: PieceGeometry?)
        throws(Violation)
    {
        guard availability == .unsaid else {
            throw Violation("a bitfield after other availability")
        }
        barrenSince = nil
        guard let geometry else {
            availability = .raw(RawAvailability(bitfield: bytes))
            return
        }
        guard let pieces = Bitfield(wire: bytes, count: geometry.pieceCount) else {
            throw Violation(
                "a bitfield of \(bytes.count) bytes for \(geometry.pieceCount) pieces, "
                    + "or spare bits set"
            )
        }
        availability = .known(pieces)
    }

    package mutating func saysAll(_ hasAll: Bool, _ geometry: PieceGeometry?) throws(Violation) {
        guard facts.supportsFast else { throw Violation("have-all or have-none without BEP 6") }
        guard availability == .unsaid else {
            throw Violation("have-all or have-none a second time")
        }
        barrenSince = nil
        guard let geometry else {
            availability = .raw(RawAvailability(hasAll: hasAll))
            return
        }
        availability = .known(
            hasAll
                ? Bitfield(fullCount: geometry.pieceCount) : Bitfield(count: geometry.pieceCount)
        )
    }

    /// Returns the piece when the peer did not have it before.
    package mutating func saysHave(
        _ number: UInt32,
        _ geometry: PieceGeometry?
    ) throws(Violation) -> PieceIndex? {
        guard let geometry else {
            var raw = RawAvailability()
            if case .raw(let said) = availability { raw = said }
            guard raw.haves.count < RawAvailability.havesMax else {
                throw Violation("more than \(RawAvailability.havesMax) haves before metadata")
            }
            raw.haves.append(number)
            availability = .raw(raw)
            return nil
        }
        guard let piece = geometry.piece(number) else {
            throw Violation("have of piece \(number) of \(geometry.pieceCount)")
        }
        // A peer with nothing may leave out its bitfield (BEP 3).
        var pieces = self.pieces ?? Bitfield(count: geometry.pieceCount)
        availability = .unsaid
        defer { availability = .known(pieces) }
        guard pieces.insert(piece) else { return nil }
        barrenSince = nil
        return piece
    }

    /// The pieces that it did not have before; and, when one of them is none, the violation, at
    /// which it ends.
    mutating func saysHaves(
        _ numbers: [UInt32],
        _ geometry: PieceGeometry?
    ) -> (news: [PieceIndex], violation: Violation?) {
        var news: [PieceIndex] = []
        for number in numbers {
            do throws(Violation) {
                if let piece = try saysHave(number, geometry) { news.append(piece) }
            } catch {
                return (news, error)
            }
        }
        return (news, nil)
    }

    /// BEP 54. Returns the piece when the peer had it.
    package mutating func saysDoesNotHave(
        _ number: UInt32,
        _ geometry: PieceGeometry?
    ) throws(Violation) -> PieceIndex? {
        guard let geometry, var pieces else { return nil }
        guard let piece = geometry.piece(number) else {
            throw Violation("dont-have of piece \(number) of \(geometry.pieceCount)")
        }
        settle([piece])
        availability = .unsaid
        defer { availability = .known(pieces) }
        return pieces.remove(piece) ? piece : nil
    }

    /// Takes pieces that it has sent wrong before for ones that it does not have.
    mutating func doubt(_ suspects: [PieceIndex]) {
        guard !suspects.isEmpty, var pieces else { return }
        availability = .unsaid
        doubted = suspects.filter { pieces.remove($0) }
        availability = .known(pieces)
    }

    /// Ends all doubts but those of `still`. Returns the pieces that it now has.
    mutating func believe(except still: [PieceIndex]) -> [PieceIndex] {
        guard var pieces else { return [] }
        barrenSince = nil
        let believed = doubted.filter { !still.contains($0) }
        doubted.removeAll { believed.contains($0) }
        availability = .unsaid
        defer { availability = .known(pieces) }
        return believed.filter { pieces.insert($0) }
    }

    /// It has said anew whether it has them.
    mutating func settle(_ pieces: [PieceIndex]) { doubted.removeAll { pieces.contains($0) } }

    /// The metainfo is known now: makes what was said so far into pieces.
    package mutating func learn(_ geometry: PieceGeometry) throws(Violation) {
        guard case .raw(let raw) = availability else { return }
        availability = .unsaid
        if let bytes = raw.bitfield {
            try saysBitfield(bytes, geometry)
        } else if raw.hasAll {
            availability = .known(Bitfield(fullCount: geometry.pieceCount))
        } else {
            availability = .known(Bitfield(count: geometry.pieceCount))
        }
        for number in raw.haves { _ = try saysHave(number, geometry) }
    }
}
