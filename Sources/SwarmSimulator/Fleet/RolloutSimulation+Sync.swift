import SwarmCore
import SwarmModel

/// Reports and answers, as `HostDriver` exchanges them.
extension RolloutSimulation {
    /// Until a host knows that a request or its answer is lost.
    private static let lossNoticed = Draw(1, 10)

    mutating func news(_ host: Int) {
        hosts[host].hasNews = true
        switch hosts[host].talk {
        case .asking:
            // What the tracker holds is overtaken; an answer to it counts no more.
            hosts[host].exchange += 1
            planSync(host, at: now + SimulatedHost.gathering, isUrgent: false)
        case .waiting(isUrgent: true):
            planSync(host, at: now, isUrgent: false)
        case .waiting(isUrgent: false): break
        }
    }

    /// `isUrgent` says whether news brings it forward.
    mutating func planSync(_ host: Int, at time: Instant, isUrgent: Bool) {
        hosts[host].talk = .waiting(isUrgent: isUrgent)
        hosts[host].syncNumber += 1
        agenda.add(
            .sync(number: hosts[host].syncNumber, host: host, life: hosts[host].life),
            at: time
        )
    }

    mutating func sync(_ number: Int, _ host: Int, _ life: Int) {
        guard isAlive(host, life), hosts[host].syncNumber == number else { return }
        hosts[host].hasNews = false
        hosts[host].talk = .asking
        hosts[host].exchange += 1
        hosts[host].askedAt = now
        let report = hosts[host].report
        hosts[host].generationAsked = report.generation
        let exchange = hosts[host].exchange
        if chance(trial.loss) {
            checks.see("request lost")
            agenda.add(
                .answerArrived(nil, exchange: exchange, host: host, life: life),
                at: after(Self.lossNoticed)
            )
        } else {
            agenda.add(
                .requestArrived(report, exchange: exchange, host: host, life: life),
                at: after(trial.latency)
            )
        }
    }

    /// From the tracker. Nil when its connection broke, or nobody listens there.
    mutating func answer(_ state: DesiredState?, _ exchange: Int, _ host: Int, _ life: Int) {
        let isLost = state != nil && chance(trial.loss)
        if isLost { checks.see("answer lost") }
        agenda.add(
            .answerArrived(isLost ? nil : state, exchange: exchange, host: host, life: life),
            at: after(isLost ? Self.lossNoticed : trial.latency)
        )
    }

    mutating func answerArrived(
        _ state: DesiredState?,
        _ exchange: Int,
        _ host: Int,
        _ life: Int
    ) {
        guard isAlive(host, life), hosts[host].exchange == exchange,
            hosts[host].talk == .asking
        else { return }
        guard let state else {
            let retry = hosts[host].retry
            let wait = Draw(retry.inSeconds / 2, retry.inSeconds).duration(using: &random)
            hosts[host].retry = min(SimulatedHost.retryMax, retry * 2)
            planSync(host, at: now + wait, isUrgent: false)
            return
        }
        hosts[host].retry = SimulatedHost.retryMin
        let isNew = state.generation != hosts[host].generationAsked
        let soonest = hosts[host].askedAt + SimulatedHost.periodMin
        // The machine may have news in return, which brings the next report forward.
        hosts[host].talk = .waiting(isUrgent: false)
        handle(.desired(state), host)
        checks.abort.heard(host, leadsToTarget: leadsToTarget(host), at: now)
        let mayWait = !isNew && now < soonest && !hosts[host].hasNews
        planSync(host, at: mayWait ? soonest : now, isUrgent: mayWait)
    }

    private func leadsToTarget(_ host: Int) -> Bool {
        let target = Self.version(2)
        let wish = hosts[host].machine.desired.models.first { $0.name == Self.model }
        return wish?.active == target.version || wish?.hold.contains(target) == true
    }
}
