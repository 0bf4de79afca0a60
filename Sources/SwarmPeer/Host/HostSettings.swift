package import SwarmCore
package import SwarmModel

/// What a host is in its fleet, and what it does with versions by itself.
package struct HostSettings: Sendable {
    /// By which trackers know it; nil for a peer that is no host of a fleet.
    package var name: HostName?
    package var labels = Labels.none
    package var activation = ActivationSettings()
    package var hooks = HookSettings()
    /// Bytes that contents may take of the disk; nil for as many as there are. What is needed
    /// beyond is taken from versions that nothing keeps here.
    package var diskBudget: Int?

    /// Bytes that are read again in a second, to find what has rotted; 0 for none. What it costs:
    /// that much of the disk, all the time.
    package var scrubBytesPerSecond = 2 << 20
    /// From the beginning of one reading of all versions to that of the next, at least.
    package var scrubPeriod: Duration = .seconds(3600)

    /// Versions of each model, served earlier, that stay for a rollback.
    package var keepCount: Int {
        get { activation.keepCount }
        set { activation.keepCount = newValue }
    }

    /// Until a hook is ended.
    package var hookTimeout: Duration {
        get { activation.hookTimeout }
        set { activation.hookTimeout = newValue }
    }

    /// Until a probe must have said yes.
    package var probeDeadline: Duration {
        get { activation.probeDeadline }
        set { activation.probeDeadline = newValue }
    }

    /// Between two probes of a version that serves.
    package var probePeriod: Duration {
        get { activation.probePeriod }
        set { activation.probePeriod = newValue }
    }

    package init() {}

    /// The settings of the machine, with what is set of hooks.
    var machine: ActivationSettings {
        var settings = activation
        settings.hasBeforeHook = hooks.before != nil
        settings.hasAfterHook = hooks.after != nil
        settings.hasProbe = hooks.probe != nil
        return settings
    }
}
