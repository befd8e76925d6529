/// Decides whether a client still takes what is written to it.
///
/// Like ``HeartbeatStateMachine`` it knows only the sweeps. It counts the bytes that the kernel has taken: they rise as
/// long as the client reads, however slowly.
///
///     progressing ── a sweep in which bytes wait and none were taken ──> stalled ── for the deadline ──> close
///          ^──────────────── bytes were taken, or none wait ────────────────┘
package struct ProgressStateMachine: Equatable {
    private let deadline: UInt32
    private var takenByteCount: UInt64 = 0
    private var stalled: UInt32 = 0

    /// - Parameter deadline: how long bytes may wait without any being taken, in milliseconds.
    package init(deadline: UInt32) { self.deadline = deadline }

    package enum Action: Equatable {
        case none
        /// The client has taken nothing for the deadline, although there was something.
        case close
    }

    /// - Parameters:
    ///   - elapsed: milliseconds since the last sweep.
    ///   - written: how many bytes were written to the connection since it began.
    ///   - pending: how many of them wait to be taken by the kernel.
    package mutating func sweep(
        elapsed: UInt32,
        writtenByteCount written: UInt64,
        pendingByteCount pending: Int
    ) -> Action {
        let taken = written - min(written, UInt64(max(pending, 0)))
        defer { takenByteCount = taken }
        guard pending > 0, taken == takenByteCount else {
            stalled = 0
            return .none
        }
        stalled = stalled.addingSaturated(elapsed)
        return stalled >= deadline ? .close : .none
    }
}
