/// Decides when a stream shows that it is alive, although there are only events that its protocol does not tell.
///
///     quiet ── 15 s after the last write ──> due ── a write ──> quiet
struct KeepAliveStateMachine: Hashable, Sendable {
    /// Proxies end a stream that is silent for longer than this, some of them; in milliseconds.
    static let period: Int64 = 15_000

    private var lastWrite: Int64

    /// - Parameter time: monotonic, in milliseconds, like those of the other inputs.
    init(at time: Int64) { lastWrite = time }

    /// Something was written.
    mutating func wrote(at time: Int64) { lastWrite = time }

    /// Whether an event for which nothing is written is a reason to write something.
    func isDue(at time: Int64) -> Bool { time - lastWrite >= Self.period }
}
