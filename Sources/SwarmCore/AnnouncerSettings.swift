/// The times of an ``Announcer``.
package struct AnnouncerSettings: Hashable, Sendable {
    /// The shortest interval that a tracker can ask of us; shorter ones would let it drive us.
    package var intervalMin: Duration = .seconds(1)
    /// The longest one: a tracker that asks for more would hide new peers for as long.
    package var intervalMax: Duration = .seconds(1800)
    /// When a tracker names no `min interval`, the least time between announces without an event.
    package var intervalMinDefault: Duration = .seconds(30)
    /// Ceiling of the first wait after all trackers have failed; it doubles with each further
    /// round.
    package var retryDelayFirst: Duration = .seconds(2)
    /// The ceiling's own ceiling: how late at worst we notice that a tracker is back.
    package var retryDelayMax: Duration = .seconds(300)
    /// Trackers of one swarm; further ones are ignored, as each round of failures asks every one.
    package var trackerCountMax: Int = 32

    package init() {}
}
