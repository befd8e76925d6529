package import AgentEvents

/// When the events of a recording are due, counted from the first one.
package struct ReplayPace: Sendable {
    private let speed: Double
    private var first: Timestamp?

    /// - Parameter speed: how many times faster than recorded; 0 for no pauses.
    package init(speed: Double) { self.speed = speed }

    /// - Returns: `nil` when there is nothing to wait for.
    package mutating func due(_ time: Timestamp?) -> Duration? {
        guard speed > 0, let time else { return nil }
        guard let first else {
            first = time
            return nil
        }
        let milliseconds = Double(time.milliseconds(since: first)) / speed
        return milliseconds > 0 ? .milliseconds(milliseconds) : nil
    }
}
