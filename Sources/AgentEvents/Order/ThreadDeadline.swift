/// When something in a thread may be overdue. It is too early rather than too late: an event that puts a time off costs no
/// search, and ``ThreadStateMachine/takeOverdue(at:)`` finds out.
///
/// ```
///          an approval that expires, a queued run with a time to start by, a run that may fall silent
///   never <──────────────────────────────────────────────────> at a time ──> the time has come: taken, then never or the next
///          no run is open
/// ```
struct ThreadDeadline: Sendable {
    /// Nothing is overdue before.
    private(set) var time = ThreadStateMachine.never

    /// Takes into account what an event makes due. Most events make nothing due earlier than it was.
    ///
    /// - Parameter idleMilliseconds: how long nothing may come for the run.
    mutating func note(_ payload: EventPayload, at time: Timestamp, idleMilliseconds: @autoclosure () -> Int64?) {
        switch payload {
        case .approvalRequested(let requested):
            if let expiresAt = requested.expiresAt { self.time = min(self.time, expiresAt) }
        case .approvalResolved, .agentResumed:
            noteIdle(idleMilliseconds(), at: time)
        case .agentQueued, .agentStarted, .inputTaken, .agentThinking, .agentProgress, .messageDelta,
            .messageCompleted, .toolExecuting, .toolProgress, .toolCompleted, .usageReported, .agentPaused,
            .agentCompleted, .agentFailed, .agentCancelled, .userMessage, .stateUpdated, .custom, .unknown:
            break
        }
    }

    /// From a time on, nothing may come for so long; `nil` for ever.
    mutating func noteIdle(_ idleMilliseconds: Int64?, at time: Timestamp) {
        guard let idleMilliseconds else { return }
        self.time = min(self.time, time.advanced(byMilliseconds: idleMilliseconds))
    }

    /// Everything was looked at: nothing else is overdue before a time.
    mutating func set(_ time: Timestamp) { self.time = time }

    /// Something may be overdue from a time on.
    mutating func lookAgain(at time: Timestamp) { self.time = min(self.time, time) }
}

extension ThreadStateMachine {
    /// A deadline that never comes.
    package static var never: Timestamp { Timestamp(milliseconds: .max) }

    /// Something that ends because its time is over.
    package enum Overdue: Hashable, Sendable {
        /// A request for approval has expired.
        case approval(ApprovalID, run: RunID)
        /// A run that is queued has not started by the time it was asked for.
        case notStarted(run: RunID)
        /// A run without a parent has been open for as long as it may.
        case tooOld(run: RunID)
        /// For so long, in milliseconds, nothing has come for a tree of runs whose root is hosted outside.
        case idle(root: RunID, milliseconds: Int64)
        /// For so long, in milliseconds, nothing has come for a queued run that is hosted outside.
        case idleInQueue(run: RunID, milliseconds: Int64)
        /// A value of the thread's context has expired: the event that removes it.
        case value(StateUpdated)
    }
}
