import SwarmModel
import Testing

@testable import SwarmCore

@Suite("LayerExchange")
struct LayerExchangeTests {
    static let a = ConnectionID(1)
    static let b = ConnectionID(2)
    static let start = Instant.origin
    static let settings = SwarmSettings()

    private func range(_ file: UInt64, _ index: UInt32) -> HashRange {
        HashRange(
            root: Digest(lanes: SIMD4(file, 0, 0, 0)),
            baseLayer: 4,
            index: index,
            length: 4,
            proofLayers: 1
        )
    }

    /// Two files: three requests for the first, one for the second.
    private func exchange() throws -> LayerExchange {
        let geometry = try PieceGeometry(pieceLength: 16384, fileLengths: [200_000, 200_000])
        let files = Array(geometry.files)
        return LayerExchange(
            [
                MissingLayer(file: files[0], requests: [range(1, 0), range(1, 4), range(1, 8)]),
                MissingLayer(file: files[1], requests: [range(2, 0)]),
            ],
            settings: Self.settings
        )
    }

    @Test("a peer is asked for two things at a time, and each range is asked of one peer")
    func pairs() throws {
        var layers = try exchange()
        #expect(layers.next(for: Self.a, at: Self.start) == range(1, 0))
        #expect(layers.next(for: Self.a, at: Self.start) == range(1, 4))
        #expect(layers.next(for: Self.a, at: Self.start) == nil)
        #expect(layers.next(for: Self.b, at: Self.start) == range(1, 8))
        #expect(layers.next(for: Self.b, at: Self.start) == range(2, 0))
        #expect(layers.isExpected(range(1, 0), from: Self.a))
        #expect(!layers.isExpected(range(1, 0), from: Self.b))
        for (index, peer) in [(0, Self.a), (4, Self.a), (8, Self.b)] as [(UInt32, ConnectionID)] {
            layers.checked(range(1, index), from: peer, valid: true, at: Self.start)
        }
        #expect(!layers.isComplete)
        layers.checked(range(2, 0), from: Self.b, valid: true, at: Self.start)
        #expect(layers.isComplete && layers.deadline == nil)
    }

    @Test("after a reject another peer is asked, and the first one about the file only later")
    func reject() throws {
        var layers = try exchange()
        _ = layers.next(for: Self.a, at: Self.start)
        #expect(layers.rejected(range(1, 0), from: Self.b, at: Self.start) == false)
        #expect(layers.rejected(range(1, 0), from: Self.a, at: Self.start) == true)
        #expect(layers.next(for: Self.a, at: Self.start) == range(2, 0))
        #expect(layers.next(for: Self.a, at: Self.start) == nil)
        #expect(layers.next(for: Self.b, at: Self.start) == range(1, 0))
        let later = Self.start + Self.settings.hashTimeout
        #expect(layers.next(for: Self.a, at: later) == range(1, 4))
    }

    @Test("no answer in time is as a reject; a false one too")
    func noAnswer() throws {
        var layers = try exchange()
        _ = layers.next(for: Self.a, at: Self.start)
        let due = Self.start + Self.settings.hashTimeout
        #expect(layers.deadline == due)
        layers.expire(at: due)
        #expect(!layers.isExpected(range(1, 0), from: Self.a))
        #expect(layers.next(for: Self.a, at: due) == range(2, 0))
        #expect(layers.next(for: Self.b, at: due) == range(1, 0))
        layers.checked(range(1, 0), from: Self.b, valid: false, at: due)
        #expect(layers.next(for: Self.b, at: due) == nil)
        layers.checked(range(2, 0), from: Self.a, valid: true, at: due)
        // Time passes; both may be asked again.
        let later = due + Self.settings.hashTimeout
        #expect(layers.deadline == later)
        layers.expire(at: later)
        #expect(layers.next(for: Self.b, at: later) == range(1, 0))
    }

    @Test("what a peer that left was asked is asked of others, and a new connection starts afresh")
    func left() throws {
        var layers = try exchange()
        _ = layers.next(for: Self.a, at: Self.start)
        _ = layers.next(for: Self.a, at: Self.start)
        _ = layers.rejected(range(1, 0), from: Self.a, at: Self.start)
        layers.peerLeft(Self.a)
        var asked: [HashRange] = []
        while let next = layers.next(for: Self.b, at: Self.start) {
            asked.append(next)
            layers.checked(next, from: Self.b, valid: true, at: Self.start)
        }
        #expect(asked.count == 4 && layers.isComplete)
    }
}

@Suite("MetadataExchange")
struct MetadataExchangeTests {
    static let a = ConnectionID(1)
    static let b = ConnectionID(2)
    static let start = Instant.origin
    static let part = MetadataExchange.partLength

    private func exchange(_ change: (inout SwarmSettings) -> Void = { _ in }) -> MetadataExchange {
        var settings = SwarmSettings()
        change(&settings)
        return MetadataExchange(settings: settings)
    }

    private func arrive(
        _ metadata: inout MetadataExchange,
        _ part: UInt32,
        from peer: ConnectionID = a
    )
        -> MetadataExchange.Arrival
    {
        let size = UInt32(metadata.size)
        return metadata.arrived(part: part, totalSize: size, from: peer, at: Self.start)
    }

    @Test("all parts come from one peer, a few asked at a time")
    func whole() {
        var metadata = exchange { $0.metadataRequestsMax = 2 }
        #expect(metadata.adopt(Self.a, size: 2 * Self.part + 1, at: Self.start) == true)
        #expect(metadata.adopt(Self.b, size: 2 * Self.part + 1, at: Self.start) == false)
        #expect(metadata.nextRequests() == [0, 1])
        #expect(metadata.nextRequests() == [])
        #expect(arrive(&metadata, 2) == .ignored)
        #expect(arrive(&metadata, 1, from: Self.b) == .ignored)
        #expect(arrive(&metadata, 1) == .partial)
        #expect(arrive(&metadata, 1) == .ignored)
        #expect(metadata.nextRequests() == [2])
        #expect(arrive(&metadata, 0) == .partial)
        #expect(arrive(&metadata, 2) == .complete)
        #expect(metadata.deadline == nil)
    }

    @Test(
        "a size that is missing, zero, negative or too long is not taken",
        arguments: [nil, 0, -1, 1 << 40]
    )
    func sizes(size: Int?) {
        var metadata = exchange()
        #expect(metadata.adopt(Self.a, size: size, at: Self.start) == false)
    }

    @Test("a part that names another size is ignored, as is one that does not exist")
    func wrongSize() {
        var metadata = exchange()
        _ = metadata.adopt(Self.a, size: 100, at: Self.start)
        _ = metadata.nextRequests()
        let other = metadata.arrived(part: 0, totalSize: 101, from: Self.a, at: Self.start)
        let outside = metadata.arrived(part: .max, totalSize: 100, from: Self.a, at: Self.start)
        #expect(other == .ignored && outside == .ignored)
    }

    @Test(
        "a source that rejects or says nothing is left for another, and asked again after a while"
    )
    func silence() {
        let settings = SwarmSettings()
        for rejects in [true, false] {
            var metadata = exchange()
            _ = metadata.adopt(Self.a, size: 100, at: Self.start)
            let due = Self.start + settings.metadataTimeout
            #expect(metadata.deadline == due)
            if rejects {
                metadata.rejected(by: Self.b, at: due)
                #expect(metadata.source == Self.a)
                metadata.rejected(by: Self.a, at: due)
            } else {
                #expect(metadata.expire(at: due) == true)
            }
            #expect(metadata.source == nil)
            #expect(metadata.adopt(Self.a, size: 100, at: due) == false)
            #expect(metadata.adopt(Self.b, size: 100, at: due) == true)
            metadata.rejected(by: Self.b, at: due)
            let later = due + settings.metadataTimeout * 3
            #expect(metadata.adopt(Self.a, size: 100, at: later) == true)
        }
    }

    @Test("a refuted source is named, even when it has left or rejected meanwhile")
    func refuted() {
        var metadata = exchange()
        _ = metadata.adopt(Self.a, size: 100, at: Self.start)
        _ = metadata.nextRequests()
        #expect(arrive(&metadata, 0) == .complete)
        metadata.rejected(by: Self.a, at: Self.start)
        metadata.peerLeft(Self.a, at: Self.start)
        #expect(metadata.adopt(Self.b, size: 100, at: Self.start) == false)
        #expect(metadata.refuted(at: Self.start) == Self.a)
        #expect(metadata.adopt(Self.b, size: 100, at: Self.start) == true)
    }

    @Test("a source that leaves is replaced, and may be asked again when it is back")
    func left() {
        var metadata = exchange()
        _ = metadata.adopt(Self.a, size: 100, at: Self.start)
        metadata.peerLeft(Self.a, at: Self.start)
        #expect(metadata.source == nil)
        #expect(metadata.adopt(Self.a, size: 100, at: Self.start) == true)
    }
}
