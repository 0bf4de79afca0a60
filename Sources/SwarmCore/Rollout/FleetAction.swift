package import SwarmModel

/// What the driver of a ``Fleet`` does, in the order of the list. What is to be saved, and the
/// audit, is durable before anybody is told of anything: all of one list in one transaction, and
/// then `desire` and `runGate`.
package enum FleetAction: Hashable, Sendable {
    case saveChannel(FleetChannel)
    /// With the commands given to its hosts.
    case removeChannel(String)
    case saveRollout(Rollout)
    case saveWave(rollout: Int, host: HostName, wave: Int)
    case saveCommand(HostCommand)
    case removeCommand(channel: String, host: HostName)
    /// Soft: who has reported, and what selectors look at. May be written later, with others.
    case saveHost(HostName, Locality, Labels)
    /// With what it was told to hold.
    case removeHost(HostName)
    case saveHold(HostName, HostHold)
    case removeHold(HostName, HostHold)
    /// A host obeyed a controller of this epoch: the next epoch taken must be above it.
    case sawEpoch(Int)
    case audit(FleetAudit)
    /// What this host should do may have changed.
    case desire(HostName)
    /// Ends in ``Fleet/gateFinished(_:_:at:into:)``.
    case runGate(GateRun, RolloutPlan.Gate)
}

/// The last version that a host was told to serve by a channel. Durable before the host can see it.
package struct HostCommand: Hashable, Sendable {
    package var channel: String
    package var host: HostName
    package var version: DesiredState.Version
    package var fence: Fence

    package init(channel: String, host: HostName, version: DesiredState.Version, fence: Fence) {
        self.channel = channel
        self.host = host
        self.version = version
        self.fence = fence
    }
}

/// A line of the audit log before it has a number and a digest.
package struct FleetAudit: Hashable, Sendable {
    package var actor: String
    package var verb: String
    package var subject: String
    package var detail: String

    package init(actor: String, verb: String, subject: String, detail: String) {
        self.actor = actor
        self.verb = verb
        self.subject = subject
        self.detail = detail
    }
}

/// One run of one gate. A result of any other run is too late and means nothing.
package struct GateRun: Hashable, Sendable {
    package var rollout: Int
    package var channel: String
    package var wave: Int
    package var gate: Int
    package var attempt: Int
    package var target: ModelReference?
}

package enum GateResult: Hashable, Sendable {
    case passed
    /// Aborts the rollout.
    case failed(String)
    /// Nobody knows: pauses the rollout, for a human to look.
    case inconclusive(String)
}

/// Why a command is not carried out. Nothing has changed.
package struct FleetRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Hashable, Sendable {
        case unknownChannel = "no-such-channel"
        case unknownRollout = "no-such-rollout"
        case unknownHost = "no-such-host"
        case invalid = "bad-request"
        /// The command does not fit what the rollout or the channel is doing.
        case conflict = "conflict"
        /// The command was about an older revision.
        case stale = "stale-revision"
        /// A limit of the settings.
        case full = "full"
    }

    package var code: Code
    /// What is wrong, and the remedy.
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}

/// The knobs of a fleet; each bounds what hosts and operators can make the tracker hold.
package struct FleetSettings: Hashable, Sendable {
    /// A host that has not reported for so long counts as dead: waves do not wait for it, within a
    /// budget. Hosts report at least every 60 s.
    package var deadAfter = Duration.seconds(90)
    /// Each costs some kilobytes: its last report and what is wanted of it.
    package var hostsMax = 16_384
    /// Each report is compared with the selectors of all channels when its labels change.
    package var channelsMax = 64
    /// Versions that one host is told to hold beside its channels; each is a version more on its
    /// disk and in every answer to it. With what a channel keeps it must stay below
    /// ``HostReport/versionCountMax``.
    package var holdsPerHostMax = 16
    /// Dead hosts are looked for at most this often, over the whole fleet.
    package var sweepSpacing = Duration.seconds(1)
    /// An epoch that a host says may be ahead of ours by so many; beyond it the host is wrong.
    package var epochLeadMax = 1 << 20

    package init() {}
}

/// What one call of the fleet shares with its channels: the time, who acts, the next fence, and
/// the actions.
struct Turn {
    let now: Instant
    let actor: String
    let epoch: Int
    var step: Int
    var actions: [FleetAction]

    mutating func nextFence() -> Fence {
        step += 1
        return Fence(epoch: epoch, step: step)
    }

    mutating func audit(_ verb: String, _ subject: String, _ detail: String) {
        actions.append(
            .audit(FleetAudit(actor: actor, verb: verb, subject: subject, detail: detail))
        )
    }
}
