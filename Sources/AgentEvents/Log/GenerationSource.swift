/// The source of the number of a log's new opening: its generation, which stands in the ids of all events that are
/// accepted until the next one.
///
/// In one log the generation only rises. No two histories share one: not a new log and the one whose place it takes,
/// not a backup and the log that it was made of, not two copies that are both written to. So a cursor tells which
/// history it belongs to. The generation is at least the last one plus one, and at least the time; its low bits are
/// random, so that it differs even where a clock stands still or goes backwards.
public struct GenerationSource: Sendable {
    /// The number of low bits that are random; those above are seconds, while the clock is ahead of the last
    /// generation.
    package static let randomBitCount: UInt64 = 20
    /// Seconds since 1970, up to the year 2242: until then a generation is below 2^53, and a `Double` holds it exactly.
    private static let secondsLimit: Int64 = 1 << 33 - 1

    private let clock: WallClock
    private let random: @Sendable () -> UInt64

    /// - Parameters:
    ///   - clock: the time. Default: the operating system's.
    ///   - random: any number; the low 20 bits count.
    public init(clock: WallClock = .system, random: @escaping @Sendable () -> UInt64) {
        self.clock = clock
        self.random = random
    }

    /// The time and the random numbers of an environment.
    package init(in environment: Environment) {
        self.init(clock: environment.wallClock, random: environment.randomNumber)
    }

    /// The time of the operating system, and its random numbers.
    public static let system = GenerationSource(in: .system)

    /// The generation of an opening.
    ///
    /// - Parameter last: the generation of the last opening of the same log; 0 when there was none.
    public func next(after last: UInt64) -> UInt64 {
        Self.generation(after: last, at: clock.now(), random: random())
    }

    /// The generation of an opening, as a function of everything that it depends on.
    package static func generation(after last: UInt64, at time: Timestamp, random: UInt64) -> UInt64 {
        precondition(last <= maximumLast, "a log refuses to open with a generation that leaves no room for the next")
        let seconds = UInt64(min(max(0, time.milliseconds / 1000), secondsLimit))
        return max(last + 1, seconds << randomBitCount) + random & (1 << randomBitCount - 1)
    }

    /// The highest generation that another one can follow, in the 63 bits that a file has for it.
    package static let maximumLast = UInt64(Int64.max) - 1 << (randomBitCount + 1)
}
