import OrderedCollections
import SwarmModel

/// Which wanted versions are being fetched. They begin in the order in which they are wanted, each
/// once those before it are sealed or get nowhere: so the first has the host's links to itself, and
/// one that nobody has holds up nothing.
struct FetchQueue: Sendable {
    private struct Fetch: Hashable, Sendable {
        /// The version was asked for, and nothing is known against it.
        var isUnderWay = true
        var piecesHeld = 0
        var progressAt: Instant
        var failures = 0
        var retryAt: Instant?
        var reason: String?
        var isFinal = false
    }

    private let settings: ActivationSettings
    private var fetches: OrderedDictionary<ModelReference, Fetch> = [:]
    /// When one of those under way counts as stuck.
    private(set) var deadline: Instant?

    init(_ settings: ActivationSettings) { self.settings = settings }

    /// Why a version cannot be fetched, and whether waiting could help.
    func problem(of reference: ModelReference) -> (reason: String, isFinal: Bool)? {
        guard let fetch = fetches[reference], let reason = fetch.reason else { return nil }
        return (reason, fetch.isFinal)
    }

    mutating func begin(
        _ wanted: [(reference: ModelReference, infoHash: InfoHash)],
        known: OrderedDictionary<ModelReference, HostReport.Version>,
        at now: Instant,
        into actions: inout [HostModels.Action]
    ) {
        fetches = fetches.filter { fetch in wanted.contains { $0.reference == fetch.key } }
        deadline = nil
        for (reference, infoHash) in wanted {
            if let version = known[reference] {
                if version.infoHash != infoHash || version.stage == .sealed
                    || version.stage == .failed
                {
                    continue
                }
                // Of an earlier life, or somebody else began it.
                if fetches[reference] == nil { fetches[reference] = Fetch(progressAt: now) }
            }
            if holdsUpOthers(reference, infoHash, isKnown: known[reference] != nil, now, &actions) {
                return
            }
        }
    }

    private mutating func holdsUpOthers(
        _ reference: ModelReference,
        _ infoHash: InfoHash,
        isKnown: Bool,
        _ now: Instant,
        _ actions: inout [HostModels.Action]
    ) -> Bool {
        if let retryAt = fetches[reference]?.retryAt {
            guard now >= retryAt else {
                deadline = earlier(deadline, retryAt)
                return false
            }
            fetches[reference]?.retryAt = nil
            fetches[reference]?.isUnderWay = false
        }
        if fetches[reference]?.isUnderWay != true {
            if !isKnown { actions.append(.fetch(reference, infoHash)) }
            if fetches[reference] == nil { fetches[reference] = Fetch(progressAt: now) }
            fetches[reference]?.isUnderWay = true
            fetches[reference]?.progressAt = now
        }
        guard let fetch = fetches[reference] else { return false }
        let stuckAt = fetch.progressAt + settings.fetchPatience
        guard now < stuckAt else { return false }
        deadline = earlier(deadline, stuckAt)
        return true
    }

    mutating func seen(_ reference: ModelReference, _ version: HostReport.Version, at now: Instant)
    {
        guard var fetch = fetches[reference], version.piecesHeld > fetch.piecesHeld else { return }
        fetch.piecesHeld = version.piecesHeld
        fetch.progressAt = now
        fetch.failures = 0
        fetch.reason = nil
        fetches[reference] = fetch
    }

    mutating func failed(
        _ reference: ModelReference,
        reason: String,
        isFinal: Bool,
        at now: Instant
    ) {
        guard var fetch = fetches[reference] else { return }
        let doubled = Int64(1) << Int64(min(fetch.failures, 10))
        let wait = min(settings.fetchRetryMax, settings.fetchRetryMin * Int(doubled))
        fetch.failures += 1
        fetch.retryAt = now + (isFinal ? settings.fetchRetryMax : wait)
        fetch.reason = reason
        fetch.isFinal = isFinal
        fetches[reference] = fetch
    }

    /// The version went: should it be wanted still, it is fetched anew.
    mutating func forget(_ reference: ModelReference) { fetches[reference] = nil }

    /// The wish changed: what failed is tried again at once.
    mutating func hurry(at now: Instant) {
        for reference in fetches.keys where fetches[reference]?.retryAt != nil {
            fetches[reference]?.retryAt = now
        }
    }
}
