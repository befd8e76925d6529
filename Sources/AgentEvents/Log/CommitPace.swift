/// How many events the last commit had and how long it took: what the next one may be worth waiting for.
struct CommitPace: Sendable {
    var count = 0
    var duration = Duration.zero

    /// Whether to wait a little longer before the next commit begins: something is pending, less than last time, and the
    /// wait costs less than it can save. Never longer than half a commit, and than a quarter of a millisecond.
    func isWorthWaiting(pending: Int, waited: Duration) -> Bool {
        pending > 0 && pending < count && waited < min(duration / 2, .microseconds(250))
    }
}
