import SwarmCore
import SwarmModel

/// The last things that happened, kept when a failed run is repeated.
struct Transcript {
    struct Line {
        var at: Instant
        var host: Int?
        var text: String
    }

    private(set) var lines: [Line] = []
    private static let linesMax = 200_000

    mutating func add(_ text: String, _ host: Int?, at now: Instant) {
        if lines.count >= Self.linesMax { lines.removeFirst(Self.linesMax / 2) }
        lines.append(Line(at: now, host: host, text: text))
    }

    /// The last lines about a host, and about everybody.
    func tail(_ count: Int, host: Int?) -> [String] {
        lines.filter { host == nil || $0.host == nil || $0.host == host }.suffix(count).map {
            line in
            let place = line.host.map { "host \($0)" } ?? "world"
            return "\(line.at.nanoseconds / 1_000) us  \(place) \(line.text)"
        }
    }
}

extension Simulation {
    mutating func note(_ text: String, _ host: Int?) { transcript.add(text, host, at: now) }

    mutating func record(_ event: SwarmEvent, _ host: Int) {
        note("< \(Self.short(event))", host)
    }

    mutating func record(_ action: SwarmAction, _ host: Int) {
        note("    > \(Self.short(action))", host)
    }

    private static func short(_ what: Any) -> String {
        String(String(describing: what).prefix(200))
    }
}
