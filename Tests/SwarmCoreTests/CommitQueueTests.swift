import SwarmModel
import Testing

@testable import SwarmCore

@Suite("CommitQueue")
struct CommitQueueTests {
    static let start = Instant.origin
    static let pieces: [PieceIndex] = {
        let geometry = try? PieceGeometry(pieceLength: 16384, fileLengths: [16384 * 9])
        return geometry.map { Array($0.pieces) } ?? []
    }()

    private func queue() -> CommitQueue {
        var settings = SwarmSettings()
        settings.commitBytes = 3 * 16384
        settings.commitAfter = .seconds(1)
        settings.storagePause = .seconds(30)
        return CommitQueue(settings: settings)
    }

    private func add(_ numbers: [Int], to queue: inout CommitQueue, at now: Instant = start) {
        for number in numbers { queue.append(Self.pieces[number], bytes: 16384, at: now) }
    }

    private func numbers(_ pieces: [PieceIndex]?) -> [Int]? { pieces?.map(\.number) }

    @Test("pieces are committed together, when they are many bytes or old")
    func due() {
        var queue = queue()
        #expect(queue.deadline == nil)
        add([0, 1], to: &queue)
        #expect(queue.take(at: Self.start) == nil)
        #expect(queue.deadline == Self.start + .seconds(1))
        add([2], to: &queue)
        #expect(numbers(queue.take(at: Self.start)) == [0, 1, 2])
        queue.committed(Array(Self.pieces[0...2]))
        add([3], to: &queue)
        #expect(numbers(queue.take(at: Self.start + .seconds(1))) == [3])
    }

    @Test("one commit at a time, unless it is forced")
    func oneAtATime() {
        var queue = queue()
        add([0, 1, 2], to: &queue)
        _ = queue.take(at: Self.start)
        add([3, 4, 5], to: &queue)
        #expect(queue.deadline == nil)
        #expect(queue.take(at: Self.start + .seconds(9)) == nil)
        #expect(numbers(queue.take(at: Self.start, force: true)) == [3, 4, 5])
        #expect(queue.take(at: Self.start, force: true) == nil)
        queue.committed(Array(Self.pieces[0...2]))
        add([6], to: &queue)
        // The forced one is still under way.
        #expect(queue.take(at: Self.start + .seconds(9)) == nil)
        queue.committed(Array(Self.pieces[3...5]))
        #expect(numbers(queue.take(at: Self.start + .seconds(9))) == [6])
    }

    @Test("after a failure what is not lost is committed again, when the disk has had its pause")
    func failure() {
        var queue = queue()
        add([0, 1, 2], to: &queue)
        _ = queue.take(at: Self.start)
        add([3, 4], to: &queue)
        queue.failed(losing: [Self.pieces[1], Self.pieces[3]], at: Self.start + .seconds(1))
        #expect(queue.take(at: Self.start + .seconds(2)) == nil)
        #expect(queue.deadline == Self.start + .seconds(31))
        #expect(numbers(queue.take(at: Self.start + .seconds(31))) == [0, 2, 4])
    }

    @Test("nothing is left to do when all was lost")
    func allLost() {
        var queue = queue()
        add([0], to: &queue)
        _ = queue.take(at: Self.start, force: true)
        queue.failed(losing: [Self.pieces[0]], at: Self.start)
        #expect(queue.deadline == nil)
        #expect(queue.take(at: Self.start, force: true) == nil)
    }

    @Test("a damaged piece is not committed")
    func damaged() {
        var queue = queue()
        add([0, 1], to: &queue)
        queue.forget([Self.pieces[0]])
        #expect(numbers(queue.take(at: Self.start, force: true)) == [1])
    }
}
