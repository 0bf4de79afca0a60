import SwarmModel
import Testing

@testable import SwarmCore

@Suite("A swarm's first words")
struct SwarmIntroductionTests {
    private typealias Bench = SwarmBench
    private static let id = SwarmBench.id(1)

    enum Holding: CaseIterable { case unknown, nothing, some, all }

    private func bench(_ holding: Holding) throws -> SwarmBench {
        var bench = try SwarmBench { $0.locality = .unknown }
        switch holding {
        case .unknown: break
        case .nothing: bench.begin(try bench.content())
        case .some: bench.begin(try bench.content(verified: [0, 2]))
        case .all: bench.begin(try bench.content(verified: [0, 1, 2, 3], sealed: [0]))
        }
        return bench
    }

    @Test(
        "with BEP 6 exactly one of have-all, have-none and bitfield is said",
        arguments: [
            (Holding.unknown, PeerMessage.haveNone), (.nothing, .haveNone),
            (.some, .bitfield([0b1010_0000])), (.all, .haveAll),
        ]
    )
    func fast(holding: Holding, message: PeerMessage) throws {
        var bench = try bench(holding)
        #expect(bench.open() == [.send(message, to: Self.id)])
    }

    @Test(
        "without BEP 6 a bitfield is said only when there is something in it",
        arguments: [
            (Holding.unknown, nil), (.nothing, nil), (.some, .bitfield([0b1010_0000])),
            (.all, .bitfield([0b1111_0000])),
        ] as [(Holding, PeerMessage?)]
    )
    func slow(holding: Holding, message: PeerMessage?) throws {
        var bench = try bench(holding)
        let expected = message.map { [SwarmAction.send($0, to: Self.id)] } ?? []
        #expect(bench.open(fast: false) == expected)
    }

    @Test("with BEP 10 the extended handshake comes before it", arguments: Holding.allCases)
    func extended(holding: Holding) throws {
        var bench = try bench(holding)
        let actions = bench.open(extensions: true)
        #expect(actions.count == 2)
        guard case .send(.extendedHandshake(let extended), Self.id) = actions.first else {
            Issue.record("not an extended handshake: \(actions)")
            return
        }
        #expect(extended.metadataID == LocalExtensionID.metadata)
        #expect(extended.metadataSize == (holding == .unknown ? nil : 1000))
        #expect(extended.uploadOnly == (holding == .all))
        #expect(extended.requestLengthMax == bench.swarm.settings.requestLengthMax)
    }

    @Test("a private version offers no metadata (BEP 27)")
    func isPrivate() throws {
        var bench = try SwarmBench()
        bench.begin(try bench.content(metadataSize: nil))
        guard case .send(.extendedHandshake(let extended), _) = bench.open(extensions: true).first
        else {
            Issue.record("no extended handshake")
            return
        }
        #expect(extended.metadataID == nil && extended.metadataSize == nil)
    }

    @Test("when metadata comes later, each connection hears it, what we have, and our interest")
    func later() throws {
        var bench = try SwarmBench()
        _ = bench.open()
        #expect(bench.receive(.haveAll) == [])
        #expect(bench.receive(.unchoke) == [])
        let content = try bench.content(verified: [3])
        let actions = bench.handle(.contentKnown(content))
        #expect(
            actions.prefix(2) == [.send(.have(3), to: Self.id), .send(.interested, to: Self.id)]
        )
        #expect(SwarmBench.requests(actions).count == 2)
    }

    @Test("what was said before metadata was known is judged when it is")
    func judgedLater() throws {
        let bad: [[PeerMessage]] = [
            [.bitfield([0xFF])], [.bitfield([0, 0])], [.bitfield([])], [.have(4)],
            [.have(0), .have(1), .have(.max)], [.bitfield([0xF0]), .have(9)],
        ]
        for messages in bad {
            var bench = try SwarmBench()
            _ = bench.open()
            _ = bench.open(2)
            for message in messages { #expect(bench.receive(message) == []) }
            let content = try bench.content()
            let actions = bench.handle(.contentKnown(content))
            #expect(SwarmBench.isViolation(actions), "\(messages)")
            #expect(SwarmBench.closes(actions) == [Self.id])
            #expect(bench.swarm.connections.map(\.id) == [SwarmBench.id(2)])
            // Nothing of it is counted.
            #expect(bench.swarm.picker?.availability(of: try bench.piece(0)) == 0)
        }
    }

    @Test("a peer of which the endpoint is only known from its handshake is not dialled as well")
    func listenPort() throws {
        var bench = try SwarmBench()
        bench.begin(try bench.content())
        _ = bench.open(isIncoming: true, extensions: true)
        _ = bench.receive(.extendedHandshake(ExtendedHandshake(listenPort: 7000)))
        #expect(bench.handle(.peersLearned([SwarmBench.endpoint(1)])) == [])
        #expect(
            bench.handle(.peersLearned([SwarmBench.endpoint(2)])) == [.dial(SwarmBench.endpoint(2))]
        )
    }

    @Test("a second extended handshake changes what it names and leaves the rest (BEP 10)")
    func secondHandshake() throws {
        var session = PeerSession(
            ConnectionFacts(
                id: Self.id,
                peer: SwarmBench.peer(1),
                endpoint: SwarmBench.endpoint(1),
                isIncoming: true
            ),
            at: .origin
        )
        session.says(ExtendedHandshake(metadataID: 3, listenPort: 7000, requestLengthMax: 65536))
        session.says(ExtendedHandshake(metadataID: 0, metadataSize: 5, uploadOnly: true))
        #expect(!session.takesMetadata)
        #expect(session.listenEndpoint == SwarmBench.endpoint(1))
        #expect(session.extended?.requestLengthMax == 65536)
        #expect(session.isUploadOnly)
    }

    @Test("a peer that sends fast is asked for longer blocks, and one of another kind never")
    func requestLength() throws {
        var settings = SwarmSettings()
        settings.longRequestRate = 1 << 20
        let limits = RequestLimits(settings)
        var session = PeerSession(
            ConnectionFacts(
                id: Self.id,
                peer: SwarmBench.peer(1),
                endpoint: SwarmBench.endpoint(1),
                isIncoming: true
            ),
            at: .origin
        )
        let geometry = try PieceGeometry(pieceLength: 1 << 22, fileLengths: [1 << 22])
        let range = try #require(geometry.range(of: 0..<128, in: geometry.pieces[0]))
        #expect(session.requestLength(limits, at: .origin) == settings.foreignRequestLength)
        session.says(ExtendedHandshake(requestLengthMax: 1 << 20))
        #expect(session.requestLength(limits, at: .origin) == settings.requestLength)
        let soon = Instant.origin + .milliseconds(100)
        session.pipeline.sent(range, at: .origin)
        _ = session.pipeline.arrived(range, at: soon)
        #expect(session.requestLength(limits, at: soon) == settings.longRequestLength)
        let late = Instant.origin + .seconds(10)
        #expect(session.requestLength(limits, at: late) == settings.requestLength)
    }
}
