public import AgentEvents

extension RuntimeConfiguration {
    /// A configuration with which the bytes of a run are the same every time: ids count, and time moves only when the
    /// test moves it. So they can be compared with a file.
    ///
    /// - Parameter clock: what the times of events are taken from.
    public static func deterministic(clock: ManualClock = ManualClock()) -> RuntimeConfiguration {
        var configuration = RuntimeConfiguration()
        configuration.clock = clock.wallClock
        configuration.identifiers = .counting()
        return configuration
    }
}
