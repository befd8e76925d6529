/// Decides whether the writer waits a little before a commit.
///
/// Where a commit takes long, as on a disk, those whom it released come back at once with their next events. Without a
/// wait commits alternate: a small one of the first to be back, and a large one of all others, at the price of two.
struct CommitGathering {
    struct Wait: Equatable {
        /// For this number of further events.
        var count: Int
        /// No longer than this.
        var nanoseconds: Int
    }

    /// A commit that takes less is cheaper than a wait.
    private static let worthwhile = Duration.microseconds(80)
    private static let longest = Duration.microseconds(200)

    /// The wait before the next commit; `nil` for none.
    private(set) var next: Wait?
    /// The number of waits that are left out after one in vain; doubles each time.
    private var penalty = 0
    private var leftOut = 0

    /// A commit is durable.
    mutating func committed(_ count: Int, in duration: Duration) {
        guard duration >= Self.worthwhile, count > 1 else {
            next = nil
            return
        }
        if leftOut > 0 {
            leftOut -= 1
            next = nil
            return
        }
        let longest = min(duration / 2, Self.longest)
        next = Wait(count: count, nanoseconds: Int(longest / .nanoseconds(1)))
    }

    /// A wait is over, and this number of events have come. It was in vain when it brought less than half.
    mutating func waited(for count: Int, _ wait: Wait) {
        next = nil
        penalty = count * 2 < wait.count ? min(max(1, penalty * 2), 64) : 0
        leftOut = penalty
    }
}
