import SwarmModel

@testable import SwarmCore

/// What a run of the mini swarm is: everything that is drawn from its seed before it begins.
struct MiniPlan {
    /// How a peer treats others. Only those that send wrong bytes may ever be banned.
    struct Role {
        enum Start { case seed, fresh, partial, layerless, magnet }
        enum Vice { case none, corruptsAlways, corruptsSometimes, stalls, refuses, dawdles }

        var start = Start.fresh
        var vice = Vice.none
        var refusesLeaves = false
        var liesAboutHashes = false
        var liesAboutMetadata = false
        var supportsFast = true
        var supportsExtensions = true
        /// Has a disk that refuses writes, loses commits and damages files now and then.
        var hasBadDisk = false
        var bytesPerSecond = 1 << 20
        var settings = SwarmSettings()
        /// Pieces on disk at the start.
        var holds: [Int] = []

        var sendsWrongBlocks: Bool { vice == .corruptsAlways || vice == .corruptsSometimes }
        var mayBeBanned: Bool { sendsWrongBlocks || liesAboutMetadata }
        /// Serves what it has, right and in useful time.
        var isSound: Bool { vice == .none && mustFinish && !hasBadDisk && supportsExtensions }
        /// Must have everything in the end.
        var mustFinish: Bool { !mayBeBanned && !liesAboutHashes }
    }

    enum Fault {
        case cut
        case crash(silently: Bool)
        case losePieces
        case trackerSilent
    }

    /// What the tracker says of the membership.
    enum Rosters {
        case none
        /// All that run, and nobody else.
        case right
        /// Some are left out, and some that are listed are long gone.
        case wrong
    }

    let seed: UInt64
    var geometry: PieceGeometry
    /// Few large pieces, many sources and several liars among them: the hard case of blame, where
    /// the blocks of a piece come from all.
    let isContested: Bool
    var duplicates: [DuplicateFile] = []
    var roots: [Digest?] = []
    var metadataSize: Int?
    var roles: [Role] = []
    var faults: [(at: Instant, fault: Fault)] = []
    var faultsEnd: Instant
    var rosters = Rosters.none
    /// Seconds between two words of the tracker.
    var trackerSeconds: ClosedRange<Int64> = 20...60
    /// Peers start within this many milliseconds.
    var startMilliseconds: Int64 = 20_000
    /// Whether all that must hold is looked at after each event. It costs more than the event.
    var isCheckedThroughout = true
    var random: SeededRandom

    init(seed: UInt64) {
        var random = SeededRandom(seed: seed &* 0x2545_F491_4F6C_DD1D)
        self.seed = seed
        isContested = Int.random(in: 0..<3, using: &random) == 0
        let shift = Int.random(in: isContested ? 3...4 : 0...3, using: &random)
        let pieceLength = PieceGeometry.blockLength << shift
        var lengths: [Int] = []
        if isContested { lengths = [Int.random(in: pieceLength...3 * pieceLength, using: &random)] }
        for _ in 0..<(isContested ? 0 : Int.random(in: 1...6, using: &random)) {
            let kind = Int.random(in: 0..<10, using: &random)
            switch kind {
            case 0: lengths.append(0)
            case 1: lengths.append(Int.random(in: 1...pieceLength, using: &random))
            default: lengths.append(Int.random(in: 1...pieceLength * 12, using: &random))
            }
        }
        let copied = Int.random(in: 0..<lengths.count, using: &random)
        let hasCopy = Int.random(in: 0..<3, using: &random) == 0 && lengths[copied] > 0
        if hasCopy { lengths.append(lengths[copied]) }
        guard let geometry = try? PieceGeometry(pieceLength: pieceLength, fileLengths: lengths)
        else { preconditionFailure("a geometry that is not one") }
        self.geometry = geometry
        roots = lengths.enumerated().map { index, length in
            length == 0 ? nil : Digest(lanes: SIMD4(UInt64(index + 1), 0, 0, 0))
        }
        if hasCopy, let file = geometry.file(lengths.count - 1),
            let original = geometry.file(copied)
        {
            duplicates = [DuplicateFile(file: file, original: original)]
            roots[file.number] = roots[copied]
        }
        if Int.random(in: 0..<5, using: &random) > 0 {
            metadataSize = Int.random(in: 1...80_000, using: &random)
        }
        faultsEnd = .origin + .seconds(Int64.random(in: 30...400, using: &random))
        self.random = random
        drawRoles()
        drawFaults()
        if seed % 3 == 1 { drawPlaces() }
    }

    /// An empty plan, for those that are not drawn.
    init(seed: UInt64, geometry: PieceGeometry) {
        self.seed = seed
        self.geometry = geometry
        isContested = false
        faultsEnd = .origin
        random = SeededRandom(seed: seed)
    }

    /// Localities and rosters, from a generator of their own: other seeds stay what they were.
    private mutating func drawPlaces() {
        var random = SeededRandom(seed: seed &+ 77)
        let racks = ["a/1/x", "a/1/x", "a/1/y", "a/2/x", "b/1/x", "b", ""]
        let kinds: [Rosters] = [.none, .right, .wrong]
        rosters = kinds[Int.random(in: 0..<kinds.count, using: &random)]
        for index in roles.indices {
            let rack = racks[Int.random(in: 0..<racks.count, using: &random)]
            roles[index].settings.locality = (try? Locality(rack)) ?? .unknown
            roles[index].settings.scheduler.smallModelBytes = 0
            if Int.random(in: 0..<4, using: &random) == 0 {
                roles[index].settings.scheduler.domainMembersMax = 2
            }
            if Int.random(in: 0..<8, using: &random) == 0 {
                roles[index].settings.scheduler.policy = .localityBiased
            }
        }
    }

    private mutating func chance(_ one: Int) -> Bool {
        Int.random(in: 0..<one, using: &random) == 0
    }

    private mutating func drawRoles() {
        let count = Int.random(in: 2...9, using: &random)
        let isRough = !chance(4)
        for index in 0..<count {
            var role = Role()
            role.settings = drawSettings(index)
            role.bytesPerSecond = 20_000 << Int.random(in: 0...9, using: &random)
            role.start = index == 0 ? .seed : drawStart()
            if index > 0, isRough { drawVices(&role) }
            roles.append(role)
        }
        // As in a swarm of other clients' seeds: failed pieces are traced by fetching them again.
        if chance(3) { for index in roles.indices { roles[index].refusesLeaves = true } }
        if isContested { contest() }
        // Now and then no seed: the pieces are spread over sound peers.
        if chance(4) { scatter() }
    }

    private mutating func contest() {
        for index in roles.indices {
            roles[index].settings.outstandingBytesMin = PieceGeometry.blockLength
            roles[index].settings.requestLength = PieceGeometry.blockLength
            roles[index].settings.longRequestLength = PieceGeometry.blockLength
            if chance(2) { roles[index].start = .seed }
            if index > 0, chance(3) { roles[index].vice = .corruptsSometimes }
        }
    }

    private mutating func drawStart() -> Role.Start {
        switch Int.random(in: 0..<10, using: &random) {
        case 0: .seed
        case 1, 2: .partial
        case 3, 4: .layerless
        case 5, 6: metadataSize == nil ? .fresh : .magnet
        default: .fresh
        }
    }

    private mutating func drawVices(_ role: inout Role) {
        switch Int.random(in: 0..<14, using: &random) {
        case 0: role.vice = .corruptsAlways
        case 1, 2: role.vice = .corruptsSometimes
        case 3: role.vice = .stalls
        case 4: role.vice = .refuses
        case 5: role.vice = .dawdles
        case 6: role.liesAboutHashes = true
        case 7: role.liesAboutMetadata = true
        default: break
        }
        if role.sendsWrongBlocks, chance(2), role.start != .seed { role.start = .partial }
        role.refusesLeaves = chance(3)
        role.hasBadDisk = chance(5)
        role.supportsFast = !chance(8)
        if role.start != .magnet, role.start != .layerless { role.supportsExtensions = !chance(10) }
    }

    private mutating func drawSettings(_ index: Int) -> SwarmSettings {
        var settings = SwarmSettings()
        settings.listenPort = chance(6) ? nil : MiniSwarm.endpoint(index).port
        settings.activePiecesMax = 1 << Int.random(in: 0...6, using: &random)
        settings.requestLength = PieceGeometry.blockLength << Int.random(in: 0...4, using: &random)
        settings.longRequestLength = 2 * settings.requestLength
        settings.longRequestRate = 2 << 20
        settings.requestLengthMax =
            PieceGeometry.blockLength << Int.random(in: 0...6, using: &random)
        settings.outstandingBytesMin =
            PieceGeometry.blockLength << Int.random(in: 0...5, using: &random)
        settings.outstandingBytesMax = 1 << 20
        settings.uploadQueueLength = 1 << Int.random(in: 1...11, using: &random)
        settings.uploadCreditBytes = 1 << Int.random(in: 10...21, using: &random)
        settings.uploadSlots = Int.random(in: 1...8, using: &random)
        settings.dialsMax = Int.random(in: 1...4, using: &random)
        settings.commitBytes = 1 << Int.random(in: 14...20, using: &random)
        settings.metadataRequestsMax = Int.random(in: 1...4, using: &random)
        settings.hashServesPerPeer = Int.random(in: 1...4, using: &random)
        settings.generation = UInt64(index)
        return settings
    }

    private mutating func scatter() {
        roles[0].start = .partial
        let sound = roles.indices.filter { roles[$0].isSound && roles[$0].start != .magnet }
        for index in sound where roles[index].start == .seed { roles[index].start = .partial }
        for index in roles.indices where roles[index].start == .seed {
            roles[index].start = .partial
        }
        for number in 0..<geometry.pieceCount {
            let holder = sound[Int.random(in: 0..<sound.count, using: &random)]
            roles[holder].start = .partial
            roles[holder].holds.append(number)
        }
    }

    private mutating func drawFaults() {
        for _ in 0..<Int.random(in: 0...25, using: &random) {
            let at = Instant(
                nanoseconds: Int64.random(in: 0..<faultsEnd.nanoseconds, using: &random)
            )
            let fault: Fault
            switch Int.random(in: 0..<8, using: &random) {
            case 0...3: fault = .cut
            case 4: fault = .crash(silently: false)
            case 5: fault = .crash(silently: true)
            case 6: fault = .losePieces
            default: fault = .trackerSilent
            }
            faults.append((at, fault))
        }
    }

    /// When every peer that must finish has to be finished.
    var deadline: Instant {
        let slowest = roles.map(\.bytesPerSecond).min() ?? 1
        let transfer = roles.count * geometry.totalLength / slowest * 3
        return faultsEnd + .seconds(Int64(1800 + transfer))
    }
}
