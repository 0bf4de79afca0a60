import SwarmModel
import Testing

@testable import SwarmCore

@Suite("A swarm and its disk")
struct SwarmDiskTests {
    private static let one = SwarmBench.id(1)

    /// One file of one piece, all blocks arrived and verified.
    private func whole() throws -> (bench: SwarmBench, piece: PieceIndex, file: FileIndex) {
        var bench = try SwarmBench(filePieces: [1])
        bench.begin(try bench.content())
        bench.join()
        for block in 0..<2 { _ = bench.arrive(bench.raw(0, block)) }
        let (piece, file) = (try bench.piece(0), try bench.file(0))
        #expect(
            bench.handle(.pieceVerified(piece)) == [
                .send(.notInterested, to: Self.one), .commit([piece]), .seal(file),
                .trace(.downloadFinished), .closeConnection(Self.one, .bothSeeds),
            ]
        )
        return (bench, piece, file)
    }

    @Test("a whole file is committed, sealed, and the view published")
    func sealed() throws {
        var (bench, piece, file) = try whole()
        #expect(bench.handle(.committed([piece])) == [])
        #expect(bench.handle(.sealed(file)) == [.publishView])
        #expect(bench.swarm.isSealed)
        #expect(bench.handle(.sealed(file)) == [])
    }

    @Test("a file that is damaged after sealing is fetched, sealed and published again")
    func damaged() throws {
        var (bench, piece, file) = try whole()
        _ = bench.handle(.committed([piece]))
        _ = bench.handle(.sealed(file))
        _ = bench.open(2)
        #expect(bench.handle(.damaged(file, [piece])) == [])
        #expect(!bench.swarm.isComplete && !bench.swarm.isSealed)
        #expect(SwarmBench.requests(bench.join(3)).count == 2)
        for block in 0..<2 { _ = bench.arrive(bench.raw(0, block), from: 3) }
        #expect(bench.handle(.pieceVerified(piece)).contains(.seal(file)))
        #expect(bench.handle(.sealed(file)) == [.publishView])
    }

    @Test("peers that take it are told that we do not have the piece any more (BEP 54)")
    func toldOfLoss() throws {
        var bench = try SwarmBench(filePieces: [2])
        bench.begin(try bench.content(verified: [0]))
        _ = bench.open(1, extensions: true)
        _ = bench.open(2)
        _ = bench.receive(.extendedHandshake(ExtendedHandshake(doesNotHaveID: 4)))
        _ = bench.receive(.bitfield([0b1000_0000]))
        #expect(
            bench.handle(.damaged(try bench.file(0), [try bench.piece(0)])) == [
                .send(.interested, to: Self.one), .send(.doesNotHave(0), to: Self.one),
            ]
        )
    }

    @Test("what waits to be served of a lost piece is rejected")
    func servedLoss() throws {
        var bench = try SwarmBench(filePieces: [2]) { $0.uploadCreditBytes = 0 }
        bench.begin(try bench.content(verified: [0]))
        _ = bench.open()
        _ = bench.receive(.interested)
        for block in 0..<2 { _ = bench.receive(.request(bench.raw(0, block))) }
        #expect(
            bench.handle(.damaged(try bench.file(0), [try bench.piece(0)]))
                == [.send(.reject(bench.raw(0, 1)), to: Self.one)]
        )
        #expect(bench.handle(.blockSent(bench.raw(0, 0), to: Self.one)) == [])
    }

    @Test("a failed commit loses the pieces, stops requests, and they are fetched after the pause")
    func commitFailed() throws {
        var bench = try SwarmBench(filePieces: [2]) { $0.commitBytes = 1 }
        bench.begin(try bench.content())
        bench.join()
        let piece = try #require(bench.swarm.picker?.activePieces.first)
        for block in 0..<2 { _ = bench.arrive(bench.raw(piece.number, block)) }
        #expect(bench.handle(.pieceVerified(piece)).contains(.commit([piece])))
        let outstanding = bench.swarm.connections[0].pipeline.requests.map(\.range)
        #expect(outstanding.count == 2)
        #expect(
            bench.handle(.storageFailed(reason: "no", lost: [piece])) == outstanding.map {
                .send(.cancel(RawBlock($0)), to: Self.one)
            }
                + [.trace(.storagePaused(reason: "no"))]
        )
        #expect(bench.swarm.connections[0].pipeline.isEmpty)
        #expect(SwarmBench.requests(bench.handle(.tick, after: .seconds(1))) == [])
        let resumed = bench.handle(.tick, after: bench.swarm.settings.storagePause)
        #expect(SwarmBench.requests(resumed).count == 2)
        #expect(!(bench.swarm.picker?.verified[piece] ?? true))
    }

    @Test("a piece in progress that a failed sync lost begins anew")
    func activeLost() throws {
        var bench = try SwarmBench(filePieces: [2])
        bench.begin(try bench.content())
        bench.join()
        let piece = try #require(bench.swarm.picker?.activePieces.first)
        _ = bench.arrive(bench.raw(piece.number, 0))
        let actions = bench.handle(.storageFailed(reason: "no", lost: [piece]))
        #expect(actions.contains(.abandonPiece(piece)))
        #expect(bench.swarm.picker?.state(of: piece) == .startable)
    }

    @Test("when only the journal failed, the commit is repeated and nothing is fetched again")
    func journalFailed() throws {
        var bench = try SwarmBench(filePieces: [2]) { $0.commitBytes = 1 }
        bench.begin(try bench.content())
        bench.join()
        let piece = try #require(bench.swarm.picker?.activePieces.first)
        for block in 0..<2 { _ = bench.arrive(bench.raw(piece.number, block)) }
        _ = bench.handle(.pieceVerified(piece))
        _ = bench.handle(.storageFailed(reason: "no", lost: []))
        #expect(bench.swarm.picker?.verified[piece] == true)
        let resumed = bench.handle(.tick, after: bench.swarm.settings.storagePause)
        #expect(resumed.contains(.commit([piece])))
    }

    @Test("a failed seal is repeated after the pause")
    func sealFailed() throws {
        var (bench, piece, file) = try whole()
        _ = bench.handle(.committed([piece]))
        #expect(bench.handle(.storageFailed(reason: "no", lost: [])).count == 1)
        #expect(bench.handle(.tick, after: bench.swarm.settings.storagePause) == [.seal(file)])
        #expect(bench.handle(.sealed(file)) == [.publishView])
    }

    @Test(
        "a file that could not be read back is sealed again after a pause"
    )
    func unreadable() throws {
        var (bench, piece, file) = try whole()
        _ = bench.handle(.committed([piece]))
        #expect(SwarmBench.closes(bench.handle(.damaged(file, []))) == [])
        #expect(bench.handle(.tick, after: bench.swarm.settings.storagePause) == [.seal(file)])
    }

    @Test("a seal that ends after a piece of the file was lost does not count")
    func staleSeal() throws {
        var (bench, piece, file) = try whole()
        _ = bench.handle(.storageFailed(reason: "no", lost: [piece]))
        #expect(bench.handle(.sealed(file)) == [])
        #expect(!bench.swarm.isSealed)
    }

    @Test("a block that the disk refuses pauses, and is asked for again after it")
    func blockRefused() throws {
        var bench = try SwarmBench(filePieces: [1])
        bench.begin(try bench.content())
        let asked = SwarmBench.requests(bench.join())
        let actions = bench.arrive(asked[0], .failed(reason: "full"))
        #expect(
            actions == [
                .send(.cancel(asked[1]), to: Self.one), .trace(.storagePaused(reason: "full")),
            ]
        )
        // What was on its way counts.
        #expect(bench.arrive(asked[1]) == [])
        let resumed = bench.handle(.tick, after: bench.swarm.settings.storagePause)
        #expect(SwarmBench.requests(resumed) == [asked[0]])
    }

    // MARK: Files with the same content

    private func twins(verified: [Int] = [], gossipDelay: Duration = .zero) throws -> SwarmBench {
        var bench = try SwarmBench(filePieces: [2, 2]) { $0.scheduler.gossipDelay = gossipDelay }
        let copy = DuplicateFile(file: try bench.file(1), original: try bench.file(0))
        bench.begin(try bench.content(verified: verified, duplicates: [copy]))
        return bench
    }

    @Test("a duplicate file is never asked for, and comes with its original")
    func duplicates() throws {
        var bench = try twins()
        _ = bench.open(2)
        var requests = SwarmBench.requests(bench.join())
        var actions: [SwarmAction] = []
        for _ in 0..<2 {
            let piece = try #require(bench.swarm.picker?.activePieces.first)
            let number = piece.number
            for block in 0..<2 {
                requests += SwarmBench.requests(bench.arrive(bench.raw(number, block)))
            }
            actions = bench.handle(.pieceVerified(piece))
            requests += SwarmBench.requests(actions)
            #expect(actions.contains(.send(.have(UInt32(number)), to: SwarmBench.id(2))))
            #expect(actions.contains(.send(.have(UInt32(number + 2)), to: SwarmBench.id(2))))
        }
        #expect(requests.allSatisfy { $0.piece < 2 })
        #expect(
            actions.filter { if case .seal = $0 { true } else { false } } == [
                .seal(try bench.file(0))
            ]
        )
        #expect(bench.swarm.isComplete)
        #expect(bench.handle(.sealed(try bench.file(0))) == [.publishView])
    }

    @Test("haves of one moment are one action for each peer, of what it lacks")
    func gatheredHaves() throws {
        var bench = try twins(gossipDelay: .milliseconds(20))
        _ = bench.open(2)
        _ = bench.open(3)
        _ = bench.join()
        let piece = try #require(bench.swarm.picker?.activePieces.first)
        let number = UInt32(piece.number)
        _ = bench.receive(.have(number), from: 3)
        for block in 0..<2 { _ = bench.arrive(bench.raw(piece.number, block)) }
        let actions = bench.handle(.pieceVerified(piece))
        #expect(actions.contains(.sendHaves([number, number + 2], to: SwarmBench.id(2))))
        #expect(actions.contains(.send(.have(number + 2), to: SwarmBench.id(3))))
    }

    @Test(
        "pieces of an original on disk are the copy's too, and not the other way round"
    )
    func alignedAtStart() throws {
        let bench = try twins(verified: [0, 3])
        #expect(bench.swarm.picker?.verified.members == [0, 2])
    }

    @Test(
        "damage to an original is damage to the copy, and both come back together",
        arguments: [[0], [2], [0, 2]]
    )
    func twinsLost(lost: [Int]) throws {
        var bench = try twins(verified: [0, 1, 2, 3])
        let pieces = try lost.map { try bench.piece($0) }
        _ = bench.handle(.damaged(try bench.file(0), pieces))
        #expect(bench.swarm.picker?.verified.members == [1, 3])
        #expect(SwarmBench.requests(bench.join()).allSatisfy { $0.piece == 0 })
        for block in 0..<2 { _ = bench.arrive(bench.raw(0, block)) }
        let actions = bench.handle(.pieceVerified(try bench.piece(0)))
        #expect(bench.swarm.isComplete)
        #expect(actions.contains(.seal(try bench.file(0))))
        #expect(bench.handle(.sealed(try bench.file(0))) == [.publishView])
    }
}
