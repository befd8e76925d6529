/// The times in which runs without a parent rest: the run is paused, or it and everything below it only waits for people.
/// Clocks that measure its work stand still then, and it needs no slot.
///
/// ```
///            it is paused, or waits          it continues
///   works ───────────────────────────> rests ─────────> works, and its time of rest is longer
/// ```
struct RunRests: Sendable {
    private struct Rest: Sendable {
        /// In the rests that are over.
        var milliseconds: Int64 = 0
        var since: Timestamp?
    }

    private var rests: [RunID: Rest] = [:]
    /// The number of runs that rest.
    private(set) var restingCount = 0

    func isResting(_ run: RunID) -> Bool { rests[run]?.since != nil }

    /// The runs that rest.
    var resting: Set<RunID> { Set(rests.lazy.filter { $0.value.since != nil }.map(\.key)) }

    /// The time that a run has rested so far, in milliseconds.
    func milliseconds(of run: RunID, at time: Timestamp) -> Int64 {
        guard let rest = rests[run] else { return 0 }
        return rest.milliseconds + (rest.since.map { max(0, time.milliseconds(since: $0)) } ?? 0)
    }

    mutating func set(_ run: RunID, isResting: Bool, at time: Timestamp) {
        guard isResting != self.isResting(run) else { return }
        if isResting {
            rests[run, default: Rest()].since = time
            restingCount += 1
        } else {
            rests[run] = Rest(milliseconds: milliseconds(of: run, at: time))
            restingCount -= 1
        }
    }

    /// The run has ended.
    mutating func remove(_ run: RunID) {
        if rests.removeValue(forKey: run)?.since != nil { restingCount -= 1 }
    }
}

extension EventPayload {
    /// Says if the event shows that its run asks people, or does something else than to wait for them; `nil` when it shows
    /// neither. What people do to the run, such as a pause and its end, shows neither; nor does the end of a call that was
    /// answered, while the run waits for the answers about others.
    var motion: OpenRuns.Motion? {
        switch self {
        case .approvalRequested: .asks
        case .agentPaused, .agentResumed: nil
        case .approvalResolved, .usageReported, .toolCompleted: nil
        case .custom(let custom): custom.by == nil ? .moves : nil
        case .agentQueued, .agentStarted, .inputTaken, .agentThinking, .agentProgress, .messageDelta,
            .messageCompleted, .toolExecuting, .toolProgress, .agentCompleted, .agentFailed, .agentCancelled,
            .userMessage, .stateUpdated, .unknown:
            .moves
        }
    }

    /// Tells that the process of a run is gone; when it went is not known, but the run has not worked since its last event.
    var isLoss: Bool { if case .agentPaused(let paused) = self { paused.isLoss } else { false } }

    /// Says if a run may rest from the event on: also from that which ends the pause of the last run of a tree, when this one
    /// asks something. It may from the end of a call on, too, if it asks something.
    var mayRestRun: Bool {
        switch self {
        case .approvalRequested, .agentPaused, .agentResumed: true
        case .agentQueued, .agentStarted, .inputTaken, .agentThinking, .agentProgress, .messageDelta,
            .messageCompleted, .toolExecuting, .toolProgress, .toolCompleted, .approvalResolved, .usageReported,
            .agentCompleted, .agentFailed, .agentCancelled, .userMessage, .stateUpdated, .custom, .unknown:
            false
        }
    }
}
