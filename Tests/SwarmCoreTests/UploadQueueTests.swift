import SwarmModel
import Testing

@testable import SwarmCore

@Suite("UploadQueue")
struct UploadQueueTests {
    static let now = Instant.origin
    static let geometry = try? PieceGeometry(pieceLength: 1 << 20, fileLengths: [1 << 20])

    private func range(_ block: Int, length: Int = 16384) throws -> ServedRange {
        let raw = RawBlock(piece: 0, begin: UInt32(block * 16384), length: UInt32(length))
        return try #require(Self.geometry?.servedRange(of: raw, lengthMax: 1 << 20))
    }

    @Test("as many bytes are with the transport as the credit allows, in the order of asking")
    func credit() throws {
        var queue = UploadQueue()
        for block in 0..<4 {
            #expect(queue.append(try range(block), lengthMax: 9, at: .origin) == true)
        }
        #expect(queue.next(credit: 40_000, at: Self.now) == (try range(0)))
        #expect(queue.next(credit: 40_000, at: Self.now) == (try range(1)))
        #expect(queue.next(credit: 40_000, at: Self.now) == nil)
        queue.finished(try range(0).raw, wasSent: true, at: Self.now)
        #expect(queue.sentBytes == 16384)
        #expect(queue.next(credit: 40_000, at: Self.now) == (try range(2)))
        #expect(queue.next(credit: 40_000, at: Self.now) == nil)
    }

    @Test(
        "a range longer than the credit goes alone, and nothing is stuck",
        arguments: [0, 1, 16384]
    )
    func longerThanCredit(credit: Int) throws {
        var queue = UploadQueue()
        for _ in 0..<3 {
            #expect(queue.append(try range(0, length: 65536), lengthMax: 9, at: .origin) == true)
        }
        var sent = 0
        while let next = queue.next(credit: credit, at: Self.now) {
            #expect(queue.next(credit: credit, at: Self.now) == nil)
            queue.finished(next.raw, wasSent: true, at: Self.now)
            sent += 1
        }
        #expect(sent == 3 && queue.isEmpty)
    }

    @Test("a full queue refuses, counting what is with the transport")
    func full() throws {
        var queue = UploadQueue()
        #expect(queue.append(try range(0), lengthMax: 2, at: .origin) == true)
        _ = queue.next(credit: 1 << 20, at: Self.now)
        #expect(queue.append(try range(1), lengthMax: 2, at: .origin) == true)
        #expect(queue.append(try range(2), lengthMax: 2, at: .origin) == false)
        queue.finished(try range(0).raw, wasSent: false, at: Self.now)
        #expect(queue.sentBytes == 0)
        #expect(queue.append(try range(2), lengthMax: 2, at: .origin) == true)
    }

    @Test("a cancel finds what still waits, not what is with the transport")
    func cancel() throws {
        var queue = UploadQueue()
        for block in 0..<2 {
            #expect(queue.append(try range(block), lengthMax: 9, at: .origin) == true)
        }
        _ = queue.next(credit: 0, at: Self.now)
        #expect(queue.cancel(try range(0).raw) == false)
        #expect(queue.cancel(try range(1).raw) == true)
        #expect(queue.cancel(try range(1).raw) == false)
        queue.finished(try range(0).raw, wasSent: true, at: Self.now)
        #expect(queue.isEmpty)
    }

    @Test("a choke drops what waits and keeps what is with the transport")
    func choke() throws {
        var queue = UploadQueue()
        for block in 0..<3 {
            #expect(queue.append(try range(block), lengthMax: 9, at: .origin) == true)
        }
        _ = queue.next(credit: 0, at: Self.now)
        #expect(queue.dropWaiting() == [try range(1), try range(2)])
        #expect(queue.dropWaiting() == [])
        #expect(queue.isInTransport && queue.count == 1)
    }

    @Test(
        "progress is counted from the first block given to the transport and from each one written"
    )
    func progress() throws {
        var queue = UploadQueue()
        for block in 0..<2 {
            #expect(queue.append(try range(block), lengthMax: 9, at: .origin) == true)
        }
        #expect(queue.progressAt == nil)
        _ = queue.next(credit: 1 << 20, at: Self.now + .seconds(1))
        _ = queue.next(credit: 1 << 20, at: Self.now + .seconds(2))
        #expect(queue.progressAt == Self.now + .seconds(1))
        queue.finished(try range(0).raw, wasSent: true, at: Self.now + .seconds(3))
        #expect(queue.progressAt == Self.now + .seconds(3))
        queue.finished(try range(1).raw, wasSent: true, at: Self.now + .seconds(4))
        #expect(queue.progressAt == nil)
    }

    @Test("a report of a block that nobody asked for changes nothing")
    func unknown() throws {
        var queue = UploadQueue()
        #expect(queue.append(try range(0), lengthMax: 9, at: .origin) == true)
        queue.finished(try range(0).raw, wasSent: true, at: Self.now)
        #expect(queue.count == 1 && queue.sentBytes == 0)
    }
}
