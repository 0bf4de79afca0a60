import Logging
import SwarmCore
import SwarmModel
import SwarmRuntime

/// Reports of traffic to our trackers, as the reporter says. Beside the data path: nothing waits
/// for them.
extension SwarmDriver {
    /// Makes the reports that are due, if any.
    func pollReporter() {
        while let url = reporter.poll(figure: trafficFigure, at: clock.now) {
            jobs.reports.add(url)
        }
    }

    /// Reports until the queue ends; what is under way is cancelled then, since the last report
    /// says the same and more.
    func runReports() async {
        let urls = jobs.reports.stream
        await withDiscardingTaskGroup { group in
            for await url in urls { group.addTask { await self.report(to: url) } }
            group.cancelAll()
        }
    }

    private func report(to url: String) async {
        guard let tracker = TrackerAddress(url) else {
            reporter.refused(url)
            return
        }
        do {
            let receipt = try await around.traffic.report(
                trafficReport(isLast: false),
                in: infoHash.swarmID,
                to: tracker
            )
            reporter.answered(url, receipt, at: clock.now)
        } catch let error as TrackerClientError where error.code == .status(404) {
            reporter.refused(url)
        } catch {
            reporter.failed(url, at: clock.now)
            logger.debug("report failed", metadata: ["tracker": "\(url)", "reason": "\(error)"])
        }
        schedule()
    }

    /// The last figures, to every tracker that knows us, for at most a second.
    func sayLastFigures() async {
        let urls = reporter.stop(figure: trafficFigure)
        let report = trafficReport(isLast: true)
        let swarm = infoHash.swarmID
        let client = around.lastTraffic
        await withDiscardingTaskGroup { group in
            for tracker in urls.compactMap({ TrackerAddress($0) }) {
                group.addTask { _ = try? await client.report(report, in: swarm, to: tracker) }
            }
        }
    }

    /// Grows with whatever there is to report.
    private var trafficFigure: Int {
        swarm.ledger.received.totalBytes + swarm.ledger.sent.totalBytes
            + swarm.ledger.refetchedBytes
    }

    private func trafficReport(isLast: Bool) -> TrafficReport {
        let size = swarm.geometry?.totalLength
        return TrafficReport(
            peer: around.me,
            generation: around.settings.generation,
            locality: around.settings.locality,
            modelBytes: size,
            isSource: size.map { $0 > 0 && $0 == resumedBytes } ?? false,
            isLast: isLast,
            received: swarm.ledger.received,
            sent: swarm.ledger.sent,
            refetchedBytes: swarm.ledger.refetchedBytes
        )
    }
}
