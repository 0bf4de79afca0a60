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
    private enum Availability: Hashable, Sendable { case unsaid, raw, known }

    /// What a peer said before we knew how many pieces there are.
    private struct RawAvailability: Hashable, Sendable {
        var bitfield: [UInt8]?
        var hasAll = false
        var haves: [UInt32] = []
        /// Haves kept; a peer that sends more before we have metadata is closed.
        static let havesMax = 1 << 16
    }

    // First what is looked at for every peer, or at every message.

    package let id: ConnectionID
    private var availability = Availability.unsaid
    /// Of a peer whose availability is known.
    private var held = Bitfield(count: 0)
    /// Pieces that the peer has and we lack.
    package var interestingCount = 0
    // As BEP 3 starts a connection: choked and not interested on both sides.
    package var amChoking = true
    package var amInterested = false
    package var isChoking = true
    package var isInterested = false
    /// Its pieces are in the picker's counts: those of a peer that came complete are not, nor those
    /// of one that has said nothing.
    package var isCounted = false
    /// It came in the clear, and only its place can allow that.
    package var mustProvePlace: Bool
    /// The narrowest domain that it shares with us.
    package var level = 0 {
        didSet { barrenSince = nil }
    }
    /// What the picker's offers were when it had nothing to ask of this peer; nil when that may
    /// have changed since.
    package var barrenSince: UInt64?
    /// Nothing is asked of it before then: it rejects while it does not choke.
    package private(set) var refusesUntil: Instant?
    package var lastSentAt: Instant
    // Of which what is outstanding comes first.
    package var pipeline: RequestPipeline
    /// How it is counted among the holders; nil while it is not.
    package var placement: Placement?
    package var lastReceivedAt: Instant
    /// When it last got a piece or said that it fetches one.
    package var progressAt: Instant
    package private(set) var locality = Locality.unknown
    /// Where the ledger had blocks of it, and blocks for it, when it last looked.
    var bookedReceived = 0
    var bookedSent = 0
    package var uploads = UploadQueue()

    package let isIncoming: Bool
    private let boxedFacts: Boxed<ConnectionFacts>
    package let openedAt: Instant
    private var raw = RawAvailability()
    /// Pieces that it says it has and that we do not ask of it, since it once sent them wrong.
    package private(set) var doubted: [PieceIndex] = []
    private var boxedHandshake = Boxed<ExtendedHandshake?>(nil)
    /// Speaks our extensions.
    package private(set) var isOurs = false
    package private(set) var takesIntents = false
    package private(set) var takesUplinks = false
    package private(set) var takesDoesNotHave = false
    package var isUploadOnly = false
    /// The longest request that it serves, and how many it queues, if it says.
    private var theirRequestLength: Int?
    private var theirQueueLength: Int?
    /// Bytes a second that it says it can send.
    package var uplink: UInt64?
    /// It says that it is slow.
    package var isSlow = false
    /// When it last said so, or the reverse, and what it has said too soon after.
    var uplinkHeardAt: Instant?
    var uplinkWaiting: UplinkReport?
    /// Pieces that it had when they were last counted.
    package var piecesBefore: Int?
    package var receivedBytes = 0
    /// When it last heard that what it asked for waits.
    package var noticedAt: Instant?
    package var hashServes = 0
    /// Parts of metadata given to it.
    package var metadataServes = 0
    /// Its peer's key in the ranks.
    package let key: UInt64
    /// This host needs it for its imports, or it is of the same rack.
    package var isDuty = false
    /// Since when it chokes.
    package var chokingSince: Instant
    private var refusals = 0
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

    /// It has so many more that we want. Returns how it is counted, and whether it is complete now.
    mutating func gained(wanted count: Int, at now: Instant) -> (
        placement: Placement?, isSeed: Bool
    ) {
        progressAt = now
        // One that came complete gains nothing, so one that is not counted has said nothing before.
        isCounted = true
        interestingCount += count
        return (placement, held.isFull && held.count > 0)
    }

    /// It has a piece that may be begun at its level, or may have blocks of one in progress.
    mutating func mayBeAsked(_ offers: PiecePicker.Offers) -> Bool {
        availability == .known && offers.mayBeAsked(having: held, at: level)
    }

    /// The pieces the peer has; nil while that is not known.
    package var pieces: Bitfield? { availability == .known ? held : nil }
    package func has(_ piece: PieceIndex) -> Bool { availability == .known && held[piece] }

    /// Those of the pieces that it does not have, as far as is known, by their numbers. Mutating,
    /// so that nothing is copied to find them.
    mutating func lacking(_ pieces: [PieceIndex], _ numbers: [UInt32]) -> [UInt32] {
        guard availability == .known, pieces.contains(where: { held[$0] }) else { return numbers }
        var lacking: [UInt32] = []
        for (piece, number) in zip(pieces, numbers) where !held[piece] { lacking.append(number) }
        return lacking
    }

    /// Has every piece. Of a version without pieces nobody is a seed: it is only a source of
    /// metadata.
    package var isSeed: Bool { availability == .known && held.isFull && held.count > 0 }
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

    /// Bytes of one request to this peer.
    package func requestLength(_ limits: RequestLimits, at now: Instant) -> Int {
        requestLength(limits, rate: pipeline.bytesPerSecond(at: now))
    }

    private func requestLength(_ limits: RequestLimits, rate: Double) -> Int {
        guard let theirs = theirRequestLength else { return limits.foreignRequestLength }
        let isFast = rate >= limits.longRequestRate
        let wanted = isFast ? limits.longRequestLength : limits.requestLength
        let limit = min(wanted, theirs, limits.requestLengthMax)
        return max(limit, limits.foreignRequestLength)
    }

    /// How much more is to be asked of it, in requests of `unit` bytes.
    package func need(
        _ limits: RequestLimits,
        at now: Instant
    ) -> (bytes: Int, requests: Int, unit: Int) {
        let rate = pipeline.bytesPerSecond(at: now)
        let unit = requestLength(limits, rate: rate)
        let depth = pipeline.depth(limits, unit: unit, rate: rate)
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
        locality = merged.locality ?? .unknown
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
        guard availability == .known, serves(at: now, chokeGrace: chokeGrace) else {
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
            saysEarly { $0.bitfield = bytes }
            return
        }
        guard let pieces = Bitfield(wire: bytes, count: geometry.pieceCount) else {
            throw Violation(
                "a bitfield of \(bytes.count) bytes for \(geometry.pieceCount) pieces, "
                    + "or spare bits set"
            )
        }
        know(pieces)
    }

    private mutating func know(_ pieces: Bitfield) {
        availability = .known
        held = pieces
        raw = RawAvailability()
    }

    private mutating func saysEarly(_ change: (inout RawAvailability) -> Void) {
        availability = .raw
        change(&raw)
    }

    package mutating func saysAll(_ hasAll: Bool, _ geometry: PieceGeometry?) throws(Violation) {
        guard facts.supportsFast else { throw Violation("have-all or have-none without BEP 6") }
        guard availability == .unsaid else {
            throw Violation("have-all or have-none a second time")
        }
        barrenSince = nil
        guard let geometry else {
            saysEarly { $0.hasAll = hasAll }
            return
        }
        let count = geometry.pieceCount
        know(hasAll ? Bitfield(fullCount: count) : Bitfield(count: count))
    }

    /// Returns the piece when the peer did not have it before.
    package mutating func saysHave(
        _ number: UInt32,
        _ geometry: PieceGeometry?
    ) throws(Violation) -> PieceIndex? {
        guard let geometry else {
            guard raw.haves.count < RawAvailability.havesMax else {
                throw Violation("more than \(RawAvailability.havesMax) haves before metadata")
            }
            saysEarly { $0.haves.append(number) }
            return nil
        }
        guard let piece = geometry.piece(number) else {
            throw Violation("have of piece \(number) of \(geometry.pieceCount)")
        }
        return gain(CollectionOfOne(piece), geometry).first
    }

    /// Adds pieces to what the peer has. Returns those that it did not have.
    private mutating func gain(
        _ said: some Collection<PieceIndex>,
        _ geometry: PieceGeometry
    ) -> [PieceIndex] {
        // A peer with nothing may leave out its bitfield (BEP 3).
        if availability != .known { know(Bitfield(count: geometry.pieceCount)) }
        let news = said.filter { held.insert($0) }
        if !news.isEmpty { barrenSince = nil }
        return news
    }

    /// The pieces that it did not have before; and, when one of them is none, the violation, at
    /// which it ends.
    mutating func saysHaves(
        _ numbers: [UInt32],
        _ geometry: PieceGeometry?
    ) -> (news: [PieceIndex], violation: Violation?) {
        guard let geometry else {
            for number in numbers {
                do throws(Violation) {
                    _ = try saysHave(number, nil)
                } catch {
                    return ([], error)
                }
            }
            return ([], nil)
        }
        let valid = numbers.prefix { geometry.piece($0) != nil }
        let news = gain(valid.compactMap { geometry.piece($0) }, geometry)
        guard valid.count < numbers.count else { return (news, nil) }
        let wrong = numbers[valid.count]
        return (news, Violation("have of piece \(wrong) of \(geometry.pieceCount)"))
    }

    /// BEP 54. Returns the piece when the peer had it.
    package mutating func saysDoesNotHave(
        _ number: UInt32,
        _ geometry: PieceGeometry?
    ) throws(Violation) -> PieceIndex? {
        guard let geometry, availability == .known else { return nil }
        guard let piece = geometry.piece(number) else {
            throw Violation("dont-have of piece \(number) of \(geometry.pieceCount)")
        }
        settle([piece])
        return held.remove(piece) ? piece : nil
    }

    /// Takes pieces that it has sent wrong before for ones that it does not have.
    mutating func doubt(_ suspects: [PieceIndex]) {
        guard !suspects.isEmpty, availability == .known else { return }
        doubted = suspects.filter { held.remove($0) }
    }

    /// Ends all doubts but those of `still`. Returns the pieces that it now has.
    mutating func believe(except still: [PieceIndex]) -> [PieceIndex] {
        guard availability == .known else { return [] }
        barrenSince = nil
        let believed = doubted.filter { !still.contains($0) }
        doubted.removeAll { believed.contains($0) }
        return believed.filter { held.insert($0) }
    }

    /// It has said anew whether it has them.
    mutating func settle(_ pieces: [PieceIndex]) { doubted.removeAll { pieces.contains($0) } }

    /// The metainfo is known now: makes what was said so far into pieces.
    package mutating func learn(_ geometry: PieceGeometry) throws(Violation) {
        guard availability == .raw else { return }
        availability = .unsaid
        let raw = raw
        if let bytes = raw.bitfield {
            try saysBitfield(bytes, geometry)
        } else {
            let count = geometry.pieceCount
            know(raw.hasAll ? Bitfield(fullCount: count) : Bitfield(count: count))
        }
        for number in raw.haves { _ = try saysHave(number, geometry) }
    }
}
