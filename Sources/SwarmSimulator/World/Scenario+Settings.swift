import SwarmCore
import SwarmModel

/// The knobs of each host, and how far hosts are from each other.
extension Scenario {
    mutating func drawDistances() {
        for level in 0...3 {
            let latency = plan.links.latency.value(commonLevels: level) ?? Draw(0)
            self.latency.append(latency.duration(using: &random))
            loss.append(plan.links.loss.value(commonLevels: level)?.value(using: &random) ?? 0)
            let most = rate(plan.links.connection.value(commonLevels: level))
            connectionRate.append(most ?? .infinity)
        }
        trackerLatency = plan.tracker.latency.duration(using: &random)
        trackerInterval = plan.tracker.interval.duration(using: &random)
        syncTime = plan.disk.sync
    }

    mutating func settings(of index: Int) -> SwarmSettings {
        var settings = plan.settings.isChaotic ? chaoticSettings() : plainSettings()
        if let draw = plan.settings.connectionsWanted {
            settings.connectionsWanted = draw.count(using: &random)
        }
        if let draw = plan.settings.connectionsMax {
            settings.connectionsMax = draw.count(using: &random)
        }
        if let draw = plan.settings.uploadSlots {
            settings.uploadSlots = draw.count(using: &random)
        }
        if let draw = plan.settings.activePiecesMax {
            settings.activePiecesMax = draw.count(using: &random)
        }
        if let draw = plan.settings.gossipDelay {
            settings.scheduler.gossipDelay = draw.duration(using: &random)
        }
        if let policy = plan.settings.policy.flatMap({
            SchedulerSettings.Policy(rawValue: $0.rawValue)
        }) {
            settings.scheduler.policy = policy
        }
        settings.listenPort = Simulation.port
        settings.locality = places[hosts[index].place].locality
        settings.generation = 1
        return settings
    }

    /// As in production, with what is measured in bytes scaled down. Where a piece is one block, a
    /// request is one piece, so that the least outstanding is two of them.
    private func plainSettings() -> SwarmSettings {
        var settings = SwarmSettings()
        guard scale > 1 else { return settings }
        let block = PieceGeometry.blockLength
        settings.requestLength = block
        settings.longRequestLength = block
        settings.requestLengthMax = block
        settings.longRequestRate = max(1, settings.longRequestRate / scale)
        settings.outstandingBytesMin = max(2 * block, settings.outstandingBytesMin / scale)
        settings.outstandingBytesMax = max(4 * block, settings.outstandingBytesMax / scale)
        settings.uploadCreditBytes = max(block, settings.uploadCreditBytes / scale)
        settings.commitBytes = max(block, settings.commitBytes / scale)
        settings.origin.runBytes = max(block, settings.origin.runBytes / scale)
        scaleScheduler(&settings.scheduler)
        return settings
    }

    private func scaleScheduler(_ scheduler: inout SchedulerSettings) {
        let block = PieceGeometry.blockLength
        // Haves are most of the messages of a large fleet; the design allows this much.
        scheduler.gossipDelay = .milliseconds(100)
        scheduler.smallModelBytes /= scale
        scheduler.nearSlotBytesPerSecond = max(1, scheduler.nearSlotBytesPerSecond / scale)
        scheduler.farSlotBytesPerSecond = max(1, scheduler.farSlotBytesPerSecond / scale)
        scheduler.turnBytes = max(block, scheduler.turnBytes / scale)
        scheduler.hedgeBytesMin = max(block, scheduler.hedgeBytesMin / scale)
    }

    /// Limits as small as they may be, so that every queue fills and every refusal happens.
    private mutating func chaoticSettings() -> SwarmSettings {
        var settings = SwarmSettings()
        let block = PieceGeometry.blockLength
        func power(_ range: ClosedRange<Int>) -> Int { 1 << Int.random(in: range, using: &random) }
        settings.activePiecesMax = power(0...6)
        settings.requestLength = block * power(0...4)
        settings.longRequestLength = 2 * settings.requestLength
        settings.longRequestRate = 2 << 20
        settings.requestLengthMax = block * power(0...6)
        settings.outstandingBytesMin = block * power(0...5)
        settings.outstandingBytesMax = 1 << 20
        settings.uploadQueueLength = power(1...11)
        settings.uploadCreditBytes = power(10...21)
        settings.uploadSlots = Int.random(in: 1...8, using: &random)
        settings.dialsMax = Int.random(in: 1...4, using: &random)
        settings.commitBytes = power(14...20)
        settings.hashServesPerPeer = Int.random(in: 1...4, using: &random)
        return settings
    }
}
