internal import Hummingbird
internal import NIOCore
internal import SwarmCore
internal import SwarmModel
internal import SwarmRuntime
internal import Synchronization

/// Streams of updates to open pages (server-sent events).
///
/// A stream begins with a whole `snapshot`; an `update` has of the racks only those that changed,
/// and all the rest whole. Nothing is queued: a stream looks at the newest state when its reader
/// has taken what was sent last, so a slow reader skips what was between. One that takes nothing
/// for ``PageSettings/patience`` is let go of. A reader that comes back begins with a snapshot.
final class PageStreams: Sendable {
    private struct Places: Sendable {
        var taken = 0
        var lastNumber = 0
        /// By the number of the stream: what its reader has not taken yet.
        var writes: [Int: (since: Instant, connection: any Channel)] = [:]
        var isClosed = false
    }

    /// One of the places for streams; given back when nobody holds it any more, so that it does
    /// not matter how an answer ends.
    private final class Seat: Sendable {
        let number: Int
        private let leave: @Sendable (Int) -> Void

        init(_ number: Int, leave: @escaping @Sendable (Int) -> Void) {
            self.number = number
            self.leave = leave
        }

        deinit { leave(number) }
    }

    let sights: PageSights
    private let requiresToken: Bool
    private let places = Locked(Places())
    private let clock = MonotonicClock()
    let updates = Atomic<Int>(0)
    let refused = Atomic<Int>(0)
    let dropped = Atomic<Int>(0)
    private var settings: PageSettings { sights.settings }

    init(sights: PageSights, requiresToken: Bool) {
        self.sights = sights
        self.requiresToken = requiresToken
    }

    var openCount: Int { places.withLock { $0.taken } }

    /// All streams end: the tracker stops.
    func close() { places.withLock { $0.isClosed = true } }

    private func takeSeat() throws -> Seat {
        let max = settings.streamsMax
        let number = places.withLock { places -> Int? in
            guard places.taken < max else { return nil }
            places.taken += 1
            places.lastNumber += 1
            return places.lastNumber
        }
        guard let number else {
            refused.add(1)
            throw APIError(
                status: .serviceUnavailable,
                code: "busy",
                message: "\(max) pages are open, as many as this tracker serves; close one",
                headers: [.retryAfter: "5"]
            )
        }
        return Seat(number) { [weak self] number in
            self?.places.withLock { places in
                places.taken -= 1
                places.writes[number] = nil
            }
        }
    }

    /// The answer to a page that wants updates. `connection` is closed when its reader stalls.
    func response(channel: String?, on connection: any Channel) async throws -> Response {
        // An unknown channel is refused while that can still be said.
        _ = try await sights.overview(of: channel)
        let seat = try takeSeat()
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
            body: ResponseBody { [self] writer in
                try await run(channel, seat, connection, &writer)
                try await writer.finish(nil)
            }
        )
    }

    /// Closes connections on which something has waited to be written for too long: run for the
    /// life of the daemon.
    func dropStalled() async {
        while (try? await Task.sleep(for: settings.patience / 4)) != nil {
            let (now, patience) = (clock.now, settings.patience)
            let stalled = places.withLock { places in
                places.writes.values.filter { $0.since + patience <= now }
            }
            for write in stalled { write.connection.close(promise: nil) }
            dropped.add(stalled.count)
        }
    }

    @concurrent
    private func run(
        _ channel: String?,
        _ seat: Seat,
        _ connection: any Channel,
        _ writer: inout any ResponseBodyWriter
    ) async throws {
        var script = PageScript(requiresToken: requiresToken)
        var writtenAt = clock.now
        while !places.withLock({ $0.isClosed }) {
            var text = ByteBuffer()
            var isOver = false
            do {
                let overview = try await sights.overview(of: channel)
                let traffic = try await sights.traffic(of: channel)
                try script.tell(overview, traffic, into: &text)
            } catch let refusal as FleetRefusal {
                try script.end(refusal.message, into: &text)
                isOver = true
            } catch let error as APIError {
                try script.tellFault(error.message, into: &text)
            }
            if text.readableBytes == 0, writtenAt + settings.heartbeat <= clock.now {
                PageScript.beat(into: &text)
            }
            if text.readableBytes > 0 {
                writtenAt = clock.now
                places.withLock { [writtenAt] in
                    $0.writes[seat.number] = (writtenAt, connection)
                }
                try await writer.write(text)
                places.withLock { $0.writes[seat.number] = nil }
                updates.add(1)
            }
            if isOver { return }
            try await Task.sleep(for: settings.spacing)
        }
    }
}

/// What one stream has said so far, and so what it says next.
struct PageScript {
    private struct Content: Encodable {
        var overview: FleetOverview
        /// Places that no host is in any more.
        var gone: [Locality]
        var requiresToken: Bool
    }

    private let requiresToken: Bool
    private var overview: FleetOverview?
    private var traffic: [TrafficSummary]?
    private var fault: String?

    init(requiresToken: Bool) { self.requiresToken = requiresToken }

    mutating func tell(
        _ next: FleetOverview,
        _ nextTraffic: [TrafficSummary],
        into text: inout ByteBuffer
    ) throws {
        if next != overview || fault != nil { try tell(next, into: &text) }
        if nextTraffic != traffic {
            try Self.write("traffic", nextTraffic, into: &text)
            traffic = nextTraffic
        }
        fault = nil
    }

    private mutating func tell(_ next: FleetOverview, into text: inout ByteBuffer) throws {
        var content = Content(overview: next, gone: [], requiresToken: requiresToken)
        var name = "snapshot"
        if let last = overview, last.epoch == next.epoch, last.levels == next.levels {
            name = "update"
            (content.overview.racks, content.gone) = Self.changes(last.racks, next.racks)
        }
        try Self.write(name, content, into: &text)
        overview = next
    }

    /// Both lists are sorted by place.
    private static func changes(
        _ last: [FleetOverview.Rack],
        _ next: [FleetOverview.Rack]
    ) -> (changed: [FleetOverview.Rack], gone: [Locality]) {
        var changed: [FleetOverview.Rack] = []
        var gone: [Locality] = []
        var old = last[...]
        for rack in next {
            while let first = old.first, first.place < rack.place {
                gone.append(old.removeFirst().place)
            }
            let isSame = old.first == rack
            if old.first?.place == rack.place { old.removeFirst() }
            if !isSame { changed.append(rack) }
        }
        return (changed, gone + old.map(\.place))
    }

    /// The fleet cannot be looked at for the moment.
    mutating func tellFault(_ message: String, into text: inout ByteBuffer) throws {
        guard message != fault else { return }
        try Self.write("fault", ["message": message], into: &text)
        fault = message
    }

    func end(_ message: String, into text: inout ByteBuffer) throws {
        try Self.write("end", ["message": message], into: &text)
    }

    static func beat(into text: inout ByteBuffer) { text.writeString("event: beat\ndata:\n\n") }

    private static func write(
        _ event: String,
        _ value: some Encodable,
        into text: inout ByteBuffer
    ) throws {
        text.writeString("event: \(event)\ndata: ")
        // JSON in one line, which ends with a line feed.
        var line = try JSONReply.line(value)
        text.writeBuffer(&line)
        text.writeString("\n")
    }
}
