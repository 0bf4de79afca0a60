import AsyncHTTPClient
import Logging
import SwarmCore
import SwarmModel
import SwarmRuntime

/// Talking with the tracker: the host says what it has, and hears what it should.
extension HostDriver {
    /// For how long the tracker is asked to hold a report.
    private static let wait = Duration.seconds(30)
    /// Until a tracker that knows nothing of fleets is asked again.
    private static let unknownPeriod = Duration.seconds(60)
    private static let retryMin = Duration.seconds(1)
    private static let retryMax = Duration.seconds(30)
    /// What happens together is reported together.
    private static let gathering = Duration.milliseconds(100)
    /// Between two exchanges in which nothing was new, whatever the tracker does.
    private static let periodMin = Duration.seconds(1)

    private enum Exchange: Sendable {
        case answered(DesiredState)
        /// Something happened here that the tracker should hear first.
        case overtaken
        /// No tracker takes reports.
        case unknown
        case failed(String)
    }

    func runSync() async {
        guard let name = settings.name, !trackers.isEmpty else { return }
        var random = SystemRandomNumberGenerator()
        var retry = Self.retryMin
        while !isStopping {
            let begun = clock.now
            let report = report(as: name)
            switch await exchange(report) {
            case .answered(let state):
                noteSync(nil)
                retry = Self.retryMin
                let isNew = state.generation != report.generation
                handle(.desired(state))
                if !isNew, clock.now - begun < Self.periodMin {
                    await news.wait(for: Self.periodMin)
                }
            case .overtaken: try? await Task.sleep(for: Self.gathering)
            case .unknown:
                noteSync("no tracker of this host takes reports; it may be older than this peer")
                await pause(Self.unknownPeriod)
            case .failed(let reason):
                noteSync(reason)
                await pause(retry * Double.random(in: 0.5...1, using: &random))
                retry = min(Self.retryMax, retry * 2)
            }
        }
    }

    /// Waits whatever news there is, until the time is over or the host stops.
    private func pause(_ duration: Duration) async {
        let end = clock.now + duration
        while !isStopping, clock.now < end { await news.wait(for: end - clock.now) }
    }

    private func report(as name: HostName) -> HostReport {
        HostReport(
            host: name,
            locality: node.settings.locality,
            labels: settings.labels,
            generation: machine.desired.generation,
            models: machine.reports,
            disk: diskUse
        )
    }

    /// One exchange with the first tracker that answers, which news of this host overtakes.
    private func exchange(_ report: HostReport) async -> Exchange {
        let (http, trackers, news) = (http, trackers, news)
        return await withTaskGroup(of: Exchange.self) { group in
            group.addTask { await Self.ask(trackers, report, FleetClient(client: http)) }
            group.addTask {
                await news.wait()
                return .overtaken
            }
            defer { group.cancelAll() }
            return await group.next() ?? .overtaken
        }
    }

    private static func ask(
        _ trackers: [TrackerAddress],
        _ report: HostReport,
        _ client: FleetClient
    ) async -> Exchange {
        var problem: String?
        for tracker in trackers {
            do {
                return .answered(try await client.sync(report, with: tracker, wait: wait))
            } catch let error as TrackerClientError where error.code == .status(404) {
                continue
            } catch {
                problem = "\(error)"
            }
        }
        return problem.map { .failed($0) } ?? .unknown
    }

    private func noteSync(_ problem: String?) {
        guard problem != syncProblem else { return }
        syncProblem = problem
        if let problem {
            logger.warning("the tracker is not told of this host", metadata: ["why": "\(problem)"])
        } else {
            logger.info("the tracker is told of this host")
        }
    }
}
