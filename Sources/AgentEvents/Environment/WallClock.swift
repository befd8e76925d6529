#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The source of the time that a runtime's events carry. Tests give their own.
///
/// The clock may go backwards; the times of a thread's events do not.
public struct WallClock: Sendable {
    private let read: @Sendable () -> Timestamp

    /// - Parameter read: returns the current time. Called from any task, once for each event; it must not block.
    public init(_ read: @escaping @Sendable () -> Timestamp) { self.read = read }

    /// The current time.
    public func now() -> Timestamp { read() }

    /// The clock of the operating system.
    public static let system = WallClock {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }
}
