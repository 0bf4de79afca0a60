/// Turns samples of a long transfer into lines of text: share done, rate, peers, time left.
struct ProgressMeter {
    /// How far the work was at one moment.
    struct Sample: Hashable, Sendable {
        var bytesDone: Int
        /// Peers that take part; nil when the work has none.
        var peers: Int?
        /// The whole, when it becomes known only during the work.
        var total: Int?

        init(bytesDone: Int, peers: Int? = nil, total: Int? = nil) {
            self.bytesDone = bytesDone
            self.peers = peers
            self.total = total
        }
    }

    /// Span over which the rate is measured: long enough to be calm, short enough to show a stall.
    static let rateWindow = Duration.seconds(5)

    let label: String
    /// Bytes; nil while not known.
    var total: Int?
    private var samples: [(at: Duration, bytes: Int)] = []
    private var peers: Int?

    init(label: String, total: Int?) {
        self.label = label
        self.total = total
    }

    /// Takes a sample at `time` since the start; times never go back.
    mutating func add(_ sample: Sample, at time: Duration) {
        samples.append((time, sample.bytesDone))
        peers = sample.peers
        total = sample.total ?? total
        while samples.count > 2, time - samples[1].at >= Self.rateWindow { samples.removeFirst() }
    }

    /// Bytes per second over the window; nil before there are two samples.
    var rate: Double? {
        guard let first = samples.first, let last = samples.last, last.at > first.at else {
            return nil
        }
        return Double(last.bytes - first.bytes) / ((last.at - first.at) / .seconds(1))
    }

    /// Seconds until the end at the current rate; nil when that cannot be said.
    var secondsLeft: Double? {
        guard let total, let done = samples.last?.bytes, let rate, rate > 0 else { return nil }
        return Double(max(0, total - done)) / rate
    }

    /// One line of at most `width` columns. Parts that do not fit are left out, least needed first;
    /// a bar takes what is left.
    func line(width: Int) -> String {
        let done = samples.last?.bytes ?? 0
        let percent = total.map { $0 == 0 ? 100 : Int(Double(min(done, $0)) / Double($0) * 100) }
        let amount = total.map { "\(ByteCount(done)) of \(ByteCount($0))" } ?? "\(ByteCount(done))"
        // In order of need; shown in the order of the position.
        let parts: [(position: Int, text: String?)] = [
            (0, label),
            (
                2,
                percent.map {
                    String(repeating: " ", count: $0 < 10 ? 2 : $0 < 100 ? 1 : 0) + "\($0)%"
                }
            ),
            (4, rate.map { "\(ByteCount(Int($0)))/s" }),
            (6, secondsLeft.map { Self.clock($0) + " left" }),
            (3, amount),
            (5, peers.map { $0 == 1 ? "1 peer" : "\($0) peers" }),
        ]
        var shown: [(position: Int, text: String)] = []
        var used = -2
        for case (let position, let text?) in parts where used + 2 + text.count <= width {
            shown.append((position, text))
            used += 2 + text.count
        }
        if let percent, width - used >= 14 {
            shown.append((1, Self.bar(percent, width: min(30, width - used - 2))))
        }
        return shown.sorted { $0.position < $1.position }.map(\.text).joined(separator: "  ")
    }

    private static func bar(_ percent: Int, width: Int) -> String {
        let inner = width - 2
        let filled = inner * percent / 100
        return "[" + String(repeating: "#", count: filled)
            + String(repeating: "-", count: inner - filled) + "]"
    }

    /// `0:07`, `12:34`, `1:02:03`, `3 days`.
    static func clock(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds < 1e9 else { return "long" }
        let whole = Int(seconds.rounded(.up))
        if whole >= 2 * 86_400 { return "\(whole / 86_400) days" }
        let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return hours > 0 ? "\(hours):\(two(minutes)):\(two(rest))" : "\(minutes):\(two(rest))"
    }
}
