import NIOCore

/// Tells how long ago the connections of an event loop were looked after last.
struct SweepClock: Equatable {
    private let interval: TimeAmount
    private var last: NIODeadline

    /// - Parameter interval: how often they are looked after.
    init(interval: TimeAmount, start: NIODeadline) {
        self.interval = interval
        last = start
    }

    /// - Returns: milliseconds since the last call, at most two intervals: when this process was stopped for a while, its
    ///   clients are not to blame for the silence.
    mutating func elapsed(at now: NIODeadline) -> UInt32 {
        let elapsed = min(now - last, interval * 2)
        last = now
        return UInt32(clamping: elapsed.nanoseconds / 1_000_000)
    }
}
