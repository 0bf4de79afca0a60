/// With what status the process ends. Scripts depend on the numbers, so they never change meaning.
enum ExitStatus: Int32, CaseIterable {
    case success = 0
    /// Anything without a number of its own.
    case failure = 1
    /// Content that does not match its hashes.
    case verificationFailed = 3
    /// No such model, version or file.
    case notFound = 4
    /// The name is taken by other content.
    case conflict = 5
    /// Ended by SIGINT or SIGTERM before the work was done.
    case interrupted = 6
    /// Nobody answered: a tracker, a peer or the local daemon.
    case unreachable = 7
    /// What was waited for did not come within the time that was given.
    case deadlinePassed = 8
    /// `simulate`: something that must never be the case was.
    case invariantViolated = 10
    /// `simulate`: a host did not complete in time.
    case stalled = 11
    /// `simulate`: a target of the plan was missed.
    case targetMissed = 12
    /// `simulate`: the program trapped.
    case crashed = 13
    /// `rollout watch`: it was aborted or rolled back.
    case rolledBack = 20
    /// `rollout watch`: it is paused, for a person to look.
    case paused = 21
    /// The command line is wrong (`EX_USAGE` of sysexits.h).
    case usage = 64

    /// The table that `shoal --help` ends with.
    static let documentation = """
        Exit status: 0 done, 1 failed, 3 content does not match its hashes, 4 not found, \
        5 the name is taken by other content, 6 interrupted, 7 nobody answered, \
        8 a deadline passed; of simulate \
        10 an invariant violated, 11 a host stalled, 12 a target missed, 13 a crash; of \
        rollout watch 20 rolled back, 21 paused; \
        64 wrong command line.
        """
}
