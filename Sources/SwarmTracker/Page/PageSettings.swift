/// The knobs of the page. Each page that is open holds a connection, and costs the fleet's thread
/// one pass over the hosts for each update of its channel, however many look at the same one.
package struct PageSettings: Sendable {
    /// Pages that are open at once; further ones are told to come again.
    package var streamsMax = 64
    /// Between two updates. Shorter shows changes sooner, and costs more.
    package var spacing = Duration.milliseconds(500)
    /// Between two looks at traffic and its cost, which change slowly.
    package var trafficSpacing = Duration.seconds(5)
    /// A stream that has nothing to say says so this often; that a reader has left shows then.
    package var heartbeat = Duration.seconds(5)
    /// A reader that does not take an update for so long is let go of.
    package var patience = Duration.seconds(20)
    /// Versions whose traffic is shown.
    package var versionsMax = 8
    /// Hosts of a rack that are listed.
    package var hostsMax = 512

    package init() {}
}
