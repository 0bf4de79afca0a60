import SwarmModel
import SwarmRuntime

/// The bytes of a rollout as people watch them: how much has moved, how fast, how long it takes
/// yet, and what it cost.
struct RolloutTraffic {
    private var meter = ProgressMeter(label: "moved    ", total: nil)
    private var traffic: TrafficView?

    /// Columns of the line of progress.
    private static let width = 80

    /// Takes what peers have reported to the tracker by `time` since the start. All `hosts` of the
    /// rollout want a copy.
    mutating func add(_ traffic: TrafficView?, hosts: Int, at time: Duration) {
        guard let traffic else { return }
        self.traffic = traffic
        let total = traffic.modelBytes.map { $0.multipliedReportingOverflow(by: hosts) }
        meter.add(
            ProgressMeter.Sample(
                bytesDone: traffic.receivedBytes,
                total: total.flatMap { $0.overflow ? nil : $0.partialValue }
            ),
            at: time
        )
    }

    /// Nothing while no peer has reported any.
    var text: String? {
        guard let traffic else { return nil }
        return meter.line(width: Self.width) + "\n" + "egress     "
            + TrafficText.egress(of: traffic)
    }
}
