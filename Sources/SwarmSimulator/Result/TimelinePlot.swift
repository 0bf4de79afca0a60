package import SwarmModel

/// A drawing of a run as SVG: how many hosts were complete, and how fast bytes crossed boundaries
/// of each level, over time. The dashed line is the bound.
package struct TimelinePlot: Sendable {
    private let report: ScenarioReport
    private let details: Outcome.Details

    private static let width = 960.0
    private static let height = 300.0
    private static let left = 90.0
    private static let top = 50.0
    private static let gap = 90.0
    private static let levels: [(name: String, colour: String)] = [
        ("same rack", "#7fb3d5"), ("same region", "#52a37f"), ("same cloud", "#e0a03c"),
        ("between clouds", "#c0504d"), ("origin", "#7a5ea8"),
    ]

    package init(_ report: ScenarioReport, _ details: Outcome.Details) {
        self.report = report
        self.details = details
    }

    package var svg: String {
        let width = Self.left + Self.width + 30
        let height = Self.top + 2 * (Self.height + Self.gap)
        return """
            <svg xmlns="http://www.w3.org/2000/svg" \
            viewBox="0 0 \(number(width)) \(number(height))" \
            font-family="sans-serif" font-size="13">
            <rect width="100%" height="100%" fill="white"/>
            <text x="\(number(Self.left))" y="24" font-size="17">\(escaped(title))</text>
            \(completion)
            \(traffic)
            </svg>

            """
    }

    private var title: String {
        "\(report.scenario), seed \(details.seed): \(report.hosts) hosts, "
            + "\(Self.bytes(Double(report.modelBytes))); p99 "
            + "\(Simulation.rounded(report.ratioToBound)) × bound"
    }

    // MARK: Panels

    private var duration: Double {
        let shown = max(report.completionSeconds.max * 1.1, report.boundSeconds * 1.1)
        return shown > 0 ? shown : max(details.virtualSeconds, 1)
    }

    private var moments: [Outcome.Details.Moment] {
        details.timeline.filter { $0.seconds <= duration }
    }

    private func x(_ seconds: Double) -> Double { Self.left + seconds / duration * Self.width }

    private var completion: String {
        let base = Self.top + Self.height
        let most = Double(max(report.hosts, 1))
        let points = moments.map { moment in
            (x(moment.seconds), base - Double(moment.completed) / most * Self.height)
        }
        let bound = number(x(report.boundSeconds))
        return frame(at: Self.top, title: "hosts complete", most: most) { "\(Int($0.rounded()))" }
            + line(points, "#333333")
            + "<line x1=\"\(bound)\" x2=\"\(bound)\" y1=\"\(number(Self.top))\" "
            + "y2=\"\(number(base))\" stroke=\"#c0504d\" stroke-dasharray=\"6 4\"/>\n"
            + "<text x=\"\(bound)\" y=\"\(number(Self.top - 6))\" text-anchor=\"middle\" "
            + "fill=\"#c0504d\">bound \(Simulation.rounded(report.boundSeconds)) s</text>\n"
    }

    private var traffic: String {
        let top = Self.top + Self.height + Self.gap
        let rates = rates
        let most = max(rates.flatMap { $0.values }.max() ?? 1, 1)
        var drawing = frame(at: top, title: "bytes a second, by boundary crossed", most: most) {
            Self.bytes($0)
        }
        for level in Self.levels.indices {
            let points = rates.map { rate in
                (x(rate.seconds), top + Self.height - rate.values[level] / most * Self.height)
            }
            drawing += line(points, Self.levels[level].colour)
            let place = number(Self.left + 12 + Double(level) * 150)
            drawing +=
                "<text x=\"\(place)\" y=\"\(number(top + 18))\" "
                + "fill=\"\(Self.levels[level].colour)\">\(Self.levels[level].name)</text>\n"
        }
        return drawing
    }

    /// Differences of the sums, between moments that are far enough apart to be seen.
    private var rates: [(seconds: Double, values: [Double])] {
        var result: [(seconds: Double, values: [Double])] = []
        guard var last = moments.first else { return [] }
        for moment in moments where moment.seconds - last.seconds >= duration / 240 {
            let span = moment.seconds - last.seconds
            let values = zip(Self.sums(moment), Self.sums(last)).map { ($0 - $1) / span }
            result.append((moment.seconds, values))
            last = moment
        }
        return result
    }

    private static func sums(_ moment: Outcome.Details.Moment) -> [Double] {
        [
            moment.bytes.rack, moment.bytes.region, moment.bytes.cloud, moment.bytes.betweenClouds,
            moment.originBytes,
        ]
    }

    // MARK: Marks

    private func frame(
        at top: Double,
        title: String,
        most: Double,
        _ label: (Double) -> String
    ) -> String {
        var drawing =
            "<rect x=\"\(number(Self.left))\" y=\"\(number(top))\" width=\"\(number(Self.width))\" "
            + "height=\"\(number(Self.height))\" fill=\"none\" stroke=\"#999999\"/>\n"
        for part in 0...4 {
            let y = top + Self.height * (1 - Double(part) / 4)
            drawing +=
                "<text x=\"\(number(Self.left - 8))\" y=\"\(number(y + 4))\" "
                + "text-anchor=\"end\">\(escaped(label(most * Double(part) / 4)))</text>\n"
            let seconds = duration * Double(part) / 4
            drawing +=
                "<text x=\"\(number(x(seconds)))\" y=\"\(number(top + Self.height + 18))\" "
                + "text-anchor=\"middle\">\(Simulation.rounded(seconds)) s</text>\n"
        }
        drawing += "<text x=\"\(number(Self.left))\" y=\"\(number(top + Self.height + 38))\">"
        return drawing + "\(escaped(title))</text>\n"
    }

    private func line(_ points: [(Double, Double)], _ colour: String) -> String {
        let text = points.map { "\(number($0.0)),\(number($0.1))" }.joined(separator: " ")
        return "<polyline points=\"\(text)\" fill=\"none\" stroke=\"\(colour)\" "
            + "stroke-width=\"1.6\"/>\n"
    }

    private func number(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(Double(tenths) / 10)"
    }

    private func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            default: result.append(character)
            }
        }
        return result
    }

    private static func bytes(_ value: Double) -> String {
        for (factor, unit) in [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")]
        where value >= factor {
            return "\(Double(Int(value / factor * 10)) / 10) \(unit)"
        }
        return "\(Int(value)) B"
    }
}
