import Foundation
import NIOCore
import NIOEmbedded
import NIOPosix
import SwarmModel
import SwarmRuntime
import SwarmWire
import Synchronization
import Testing

/// What the transport tests' swarm looks like: one file whose last piece is short.
enum Fixture {
    static let swarm = SwarmID(Array(1...20))!
    static let foreignSwarm = SwarmID(Array(2...21))!
    static let us = PeerID(Array(repeating: 0x41, count: 20))!
    static let them = PeerID(Array(repeating: 0x42, count: 20))!
    static let loopback = Endpoint(address: .v4(0x7F00_0001), port: 6881)

    static func geometry() throws -> PieceGeometry {
        try PieceGeometry(pieceLength: 1 << 20, fileLengths: [(2 << 20) + 5000])
    }

    /// The bytes of the file.
    static let bytes: [UInt8] = {
        var random = SeededRandom(seed: 1)
        var bytes: [UInt8] = []
        bytes.reserveCapacity((2 << 20) + 5000)
        for _ in 0..<((2 << 20) + 5000) / 8 {
            withUnsafeBytes(of: random.next()) { bytes.append(contentsOf: $0) }
        }
        return bytes
    }()

    /// The file, on disk under no name.
    static let file: FileSource.Owner = {
        let path = NSTemporaryDirectory() + "shoal-transport-\(UUID().uuidString)"
        defer { unlink(path) }
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        precondition(count == bytes.count, "the test's file could not be written")
        return FileSource.Owner(descriptor)
    }()

    static func served(_ piece: Int, _ begin: Int, _ length: Int) throws -> ServedRange {
        let raw = RawBlock(piece: UInt32(piece), begin: UInt32(begin), length: UInt32(length))
        return try #require(try geometry().servedRange(of: raw, lengthMax: 1 << 20))
    }

    /// What a served range looks like on the other side.
    static func payload(_ range: ServedRange) -> [UInt8] {
        let start = min(range.piece.number << 20 + range.offset, bytes.count)
        return bytes[start..<start + range.length] + Array(repeating: 0, count: range.padding)
    }

    /// One of each message, in a form that survives encoding and decoding.
    static let messages: [PeerMessage] = {
        let block = RawBlock(piece: 7, begin: 16384, length: 16384)
        let root = Digest(Array(100..<132))!
        let range = HashRange(root: root, baseLayer: 1, index: 2, length: 2, proofLayers: 3)
        return [
            .keepAlive, .choke, .unchoke, .interested, .notInterested, .have(9),
            .bitfield(Array(repeating: 0xA5, count: 3000)), .request(block), .cancel(block),
            .suggest(1), .haveAll, .haveNone, .reject(block), .allowedFast(3),
            .extendedHandshake(
                ExtendedHandshake(metadataID: 1, doesNotHaveID: 2, uploadOnlyID: 3, client: "x")
            ),
            .metadata(.request(piece: 0)),
            .metadata(.data(piece: 0, totalSize: 3, bytes: [1, 2, 3])),
            .metadata(.reject(piece: 1)), .doesNotHave(4), .uploadOnly(true), .hashRequest(range),
            .hashes(range, [root, .zero, root]), .hashReject(range),
        ]
    }()
    /// The ids under which this side takes extension messages.
    static let extensionIDs = ExtendedHandshake(
        metadataID: LocalExtensionID.metadata,
        doesNotHaveID: LocalExtensionID.doesNotHave,
        uploadOnlyID: LocalExtensionID.uploadOnly
    )

    static func frame(_ message: PeerMessage) -> [UInt8] {
        var bytes: [UInt8] = []
        PeerFrameCodec.encode(message, extensions: RemoteExtensions(extensionIDs), into: &bytes)
        return bytes
    }

    /// A `piece` frame with the given payload.
    static func pieceFrame(_ piece: UInt32, _ begin: UInt32, _ payload: [UInt8]) -> [UInt8] {
        frame(.piece(RawBlock(piece: piece, begin: begin, length: UInt32(payload.count)))) + payload
    }

    static func handshake(_ peer: PeerID, _ swarm: SwarmID = Fixture.swarm) -> [UInt8] {
        PeerFrameCodec.encode(Handshake(swarm: swarm, peer: peer))
    }
}

/// Writes down what happens on connections.
final class Recorder: ConnectionObserver {
    struct Opened: Sendable {
        let transport: any PieceTransport
        let handshake: Handshake
        let remote: Endpoint
        let isIncoming: Bool
    }

    fileprivate struct State {
        var opened: [Opened] = []
        var events: [ConnectionEvent] = []
        var batches = 0
        var waiters:
            [(condition: (State) -> Bool, continuation: CheckedContinuation<Void, Never>)] =
                []
    }

    private let state = Mutex(State())
    private let acknowledges: Bool

    init(acknowledges: Bool = true) { self.acknowledges = acknowledges }

    var opened: [Opened] { state.withLock { $0.opened } }
    var events: [ConnectionEvent] { state.withLock { $0.events } }
    var batches: Int { state.withLock { $0.batches } }
    /// The first connection's handle.
    var transport: any PieceTransport { opened[0].transport }

    func connectionOpened(
        _ transport: any PieceTransport,
        handshake: Handshake,
        remote: Endpoint,
        isIncoming: Bool
    ) {
        let entry = Opened(
            transport: transport,
            handshake: handshake,
            remote: remote,
            isIncoming: isIncoming
        )
        update { $0.opened.append(entry) }
    }

    func connection(_ id: ConnectionID, delivered events: [ConnectionEvent]) {
        update {
            $0.events += events
            $0.batches += 1
        }
        guard acknowledges else { return }
        opened.first { $0.transport.id == id }?.transport.acknowledge(eventCount: events.count)
    }

    func waitForOpened(_ count: Int = 1) async { await wait { $0.opened.count >= count } }

    /// Waits until that many events have come, and returns them.
    func waitForEvents(_ count: Int) async -> [ConnectionEvent] {
        await wait { $0.events.count >= count }
        return events
    }

    /// Waits for the end of the first connection, and returns its reason.
    func waitForClose() async -> CloseReason? {
        await wait { $0.closeReason != nil }
        return state.withLock { $0.closeReason }
    }

    private func wait(for condition: @escaping @Sendable (State) -> Bool) async {
        await withCheckedContinuation { continuation in
            let isMet = state.withLock { state in
                if condition(state) { return true }
                state.waiters.append((condition, continuation))
                return false
            }
            if isMet { continuation.resume() }
        }
    }

    private func update(_ change: @Sendable (inout State) -> Void) {
        let met = state.withLock { state in
            change(&state)
            let snapshot = state
            let met = state.waiters.filter { $0.condition(snapshot) }.map(\.continuation)
            state.waiters.removeAll { $0.condition(snapshot) }
            return met
        }
        for continuation in met { continuation.resume() }
    }
}

extension Recorder.State {
    fileprivate var closeReason: CloseReason? {
        for case .closed(let reason) in events { return reason }
        return nil
    }
}

/// Keeps the blocks that it is given.
final class MemorySink: BlockSink {
    struct Block: Hashable, Sendable {
        let block: RawBlock
        let bytes: [UInt8]
    }

    private let stored = Mutex<[Block]>([])
    private let refused: UInt32?
    private let gate: Gate?
    private let gatedPieces: Range<UInt32>

    /// Refuses blocks of one piece, and takes those of the gated ones only while the gate is open.
    init(
        refusing piece: UInt32? = nil,
        gate: Gate? = nil,
        of gatedPieces: Range<UInt32> = 0..<UInt32.max
    ) {
        refused = piece
        self.gate = gate
        self.gatedPieces = gatedPieces
    }

    var blocks: [Block] { stored.withLock { $0 } }

    func wants(_ block: RawBlock, from connection: ConnectionID) -> Bool { block.piece != refused }

    func store(
        _ bytes: UnsafeRawBufferPointer,
        of block: RawBlock,
        from connection: ConnectionID
    ) -> BlockOutcome {
        if gatedPieces.contains(block.piece) { gate?.pass() }
        let block = Block(block: block, bytes: Array(bytes))
        stored.withLock { $0.append(block) }
        return .stored
    }
}

/// Holds a thread up until it is opened.
final class Gate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)
    private let arrived = AsyncStream.makeStream(of: Void.self)

    func pass() {
        arrived.continuation.yield()
        semaphore.wait()
        semaphore.signal()
    }

    /// Waits until somebody stands before it.
    func arrival() async { for await _ in arrived.stream { return } }
    func open() { semaphore.signal() }
}

/// The fixture's file, on disk.
final class FileSource: BlockSource {
    enum Mode: CaseIterable, Sendable {
        /// The descriptor is of the file.
        case file
        /// The descriptor is of something that `sendfile` refuses, so that the bytes must be read.
        case unsendable
        case failing
    }

    struct Failure: Error {}
    final class Owner: Sendable {
        let descriptor: CInt
        init(_ descriptor: CInt) { self.descriptor = descriptor }
        deinit { Glibc.close(descriptor) }
    }

    let mode: Mode
    let owner: Owner
    /// Where blocks were read to.
    let destinations = Mutex<Set<UInt>>([])

    init(_ mode: Mode = .file) {
        self.mode = mode
        owner = mode == .unsendable ? Owner(open("/dev/zero", O_RDONLY | O_CLOEXEC)) : Fixture.file
    }

    func read(_ range: ServedRange, into destination: UnsafeMutableRawBufferPointer) throws {
        guard mode != .failing else { throw Failure() }
        #expect(destination.count == range.length)
        _ = destinations.withLock { $0.insert(UInt(bitPattern: destination.baseAddress)) }
        let offset = range.piece.number << 20 + range.offset
        let count = pread(
            Fixture.file.descriptor,
            destination.baseAddress,
            destination.count,
            off_t(offset)
        )
        guard count == destination.count else { throw Failure() }
    }

    func descriptor(
        for range: ServedRange
    ) throws -> (descriptor: CInt, offset: Int, owner: any AnyObject & Sendable) {
        guard mode != .failing else { throw Failure() }
        return (owner.descriptor, range.piece.number << 20 + range.offset, owner)
    }
}

/// One end of a connection: what its swarm is made of.
struct End: SwarmLookup {
    let recorder: Recorder
    let sink: MemorySink
    let source: FileSource
    let context: ConnectionContext

    init(
        _ peer: PeerID,
        recorder: Recorder = Recorder(),
        sink: MemorySink = MemorySink(),
        source: FileSource.Mode = .file,
        swarm: SwarmID = Fixture.swarm
    ) {
        self.recorder = recorder
        self.sink = sink
        self.source = FileSource(source)
        let numbers = Numbers()
        context = ConnectionContext(
            handshake: Handshake(swarm: swarm, peer: peer),
            sink: sink,
            source: self.source,
            observer: recorder,
            nextConnectionID: { numbers.next() }
        )
    }

    func context(for swarm: SwarmID) -> ConnectionContext? {
        swarm == context.handshake.swarm ? context : nil
    }
}

final class Numbers: Sendable {
    private let last = Atomic<UInt64>(0)
    func next() -> ConnectionID { ConnectionID(last.add(1, ordering: .relaxed).newValue) }
}

/// A handler on an embedded channel, whose time stands still until it is advanced.
struct EmbeddedEnd {
    let channel = EmbeddedChannel()
    let end: End
    let resources: TransportResources

    enum Side { case accepting, dialling(EventLoopPromise<Void>) }

    init(
        _ end: End,
        limits: TransportLimits = TransportLimits(),
        isDialling: Bool = false,
        direct: DirectReceive? = nil
    ) throws {
        self.end = end
        resources = TransportResources(group: channel.eventLoop, limits: limits)
        let handler = PeerConnectionHandler(
            role: isDialling
                ? .dialling(end.context, channel.eventLoop.makePromise())
                : .accepting(end),
            remote: Fixture.loopback,
            resources: resources,
            direct: direct,
            on: channel.eventLoop
        )
        try channel.pipeline.syncOperations.addHandler(handler)
        channel.connect(to: try Fixture.loopback.socketAddress(), promise: nil)
    }

    /// An end that has accepted a connection.
    static func opened(
        _ end: End,
        limits: TransportLimits = TransportLimits()
    ) throws -> EmbeddedEnd {
        let embedded = try EmbeddedEnd(end, limits: limits)
        try embedded.receive(Fixture.handshake(Fixture.them))
        #expect(try embedded.sent() == Fixture.handshake(Fixture.us))
        return embedded
    }

    func receive(_ bytes: some Sequence<UInt8>) throws {
        try channel.writeInbound(ByteBuffer(bytes: bytes))
        channel.embeddedEventLoop.run()
    }

    /// Everything written since the last call; files are read.
    func sent() throws -> [UInt8] { try writes().flatMap { $0 } }

    /// The same, write by write.
    func writes() throws -> [[UInt8]] {
        channel.embeddedEventLoop.run()
        var all: [[UInt8]] = []
        while let data = try channel.readOutbound(as: IOData.self) {
            switch data {
            case .byteBuffer(let buffer): all.append(Array(buffer.readableBytesView))
            case .fileRegion(let region):
                // The handle is closed by now, as after a real write: the range tells what was
                // sent.
                all.append(Array(Fixture.bytes[region.readerIndex..<region.endIndex]))
            }
        }
        return all
    }

    var autoReadChanges: [Bool] {
        channel.options.compactMap { option, value in
            option is ChannelOptions.Types.AutoReadOption ? value as? Bool : nil
        }
    }
}
