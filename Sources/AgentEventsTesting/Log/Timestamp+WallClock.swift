import AgentEvents

extension Timestamp {
    /// The time of the wall clock.
    static var wallClock: Timestamp { WallClock.system.now() }
}
