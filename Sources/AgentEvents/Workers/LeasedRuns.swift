/// One lease: the right of a worker outside to work for a run, for as long as it is heard from.
package struct LeaseID: Identifier {
    package static var kind: String { "lease id" }
    package let text: IdentifierText
    package init(text: IdentifierText) { self.text = text }
}

/// The end of a run for which a worker works.
package enum LeasedRunEnd: Hashable, Sendable, CaseIterable {
    /// The worker has ended it.
    case byWorker
    /// A person, the service, or a run above it has.
    case stopped
    /// Another run has taken its place.
    case superseded
    /// It was not done in time.
    case deadline
    /// Its worker was lost, or the service stops.
    case lost
}

/// The runs of a thread for which workers outside work, and by which leases: the fence before what a worker emits that was lost.
///
/// ```
///   begin ──> leased ── emitted by the lease, or from within ──> leased      by another lease, by none ──> refused
///               │  └── the run ends ──> leased, and ended ──┐
///               └────────────────── end ───────────────────┴──> (not here): what comes by the lease is refused
/// ```
///
/// A lease is of one attempt of its run, and of the runs below it. It stands in the thread's synchronous section, so nothing comes
/// between the look at it and the acceptance of an event.
struct LeasedRuns {
    private struct Lease {
        let id: LeaseID
        let attempt: Int
        var end: LeasedRunEnd?
    }

    private var leases: [RunID: Lease] = [:]

    var isEmpty: Bool { leases.isEmpty }

    /// A worker begins to work for a run without a parent.
    mutating func begin(_ lease: LeaseID, of run: RunID, attempt: Int) {
        leases[run] = Lease(id: lease, attempt: attempt)
    }

    /// A lease is over.
    ///
    /// - Returns: how its run has ended; `nil` when it has not, or the lease is not that of the run.
    mutating func end(_ lease: LeaseID, of run: RunID) -> LeasedRunEnd? {
        guard let found = leases[run], found.id == lease else { return nil }
        leases[run] = nil
        return found.end
    }

    func has(_ lease: LeaseID, of run: RunID) -> Bool { leases[run]?.id == lease }

    /// Events were accepted.
    ///
    /// - Parameter lease: by which they came; `nil` for another way.
    mutating func accepted(_ drafts: [EventDraft], by lease: LeaseID?, _ machine: ThreadStateMachine) {
        for draft in drafts {
            guard let run = draft.runID, let found = leases[run], found.end == nil else { continue }
            leases[run]?.end = draft.payload.leasedRunEnd.map { found.id == lease ? .byWorker : $0 }
        }
        for (run, lease) in leases where lease.end == nil && !machine.isOpen(run) { leases[run]?.end = .stopped }
    }

    /// - Parameter lease: by which the events come; `nil` when they come by none.
    /// - Returns: the place of the first event that may not come so; `nil` when all may.
    func firstRefused(of drafts: [EventDraft], by lease: LeaseID?, _ machine: ThreadStateMachine) -> Int? {
        guard lease != nil || !leases.isEmpty else { return nil }
        // What one of them starts, the next ones may be of.
        var parents: [RunID: RunID] = [:]
        return drafts.firstIndex { draft in
            if case .agentStarted(let started) = draft.payload, let run = draft.runID, let parent = started.parentRunID
            {
                parents[run] = parent
            }
            guard let run = draft.runID else {
                return lease.map { lease in !leases.values.contains { counts($0, lease) } } ?? false
            }
            var root = run
            // Not around for ever where some name each other: a circle is for the order to refuse.
            for _ in parents { root = parents[root] ?? root }
            root = machine.root(of: root)
            guard let lease else { return leases[root].map { $0.end == nil } ?? false }
            guard let found = leases[root] else {
                // What has ended, or never began, the order refuses, with a better reason.
                let begins = draft.payload.type == .agentStarted || draft.payload.type == .agentQueued
                return begins || machine.isOpen(root) || !leases.values.contains { counts($0, lease) }
            }
            return !counts(found, lease) || machine.attempt(of: root) != found.attempt
        }
    }

    private func counts(_ lease: Lease, _ id: LeaseID) -> Bool { lease.id == id && lease.end == nil }
}

extension EventPayload {
    /// The end of a run by an event that its worker has not sent; `nil` for one that does not end it.
    fileprivate var leasedRunEnd: LeasedRunEnd? {
        switch self {
        case .agentCompleted: .stopped
        case .agentCancelled(let cancelled):
            if cancelled.supersededBy != nil {
                .superseded
            } else {
                cancelled.reason == "shutdown" ? .lost : .stopped
            }
        case .agentFailed(let failed):
            if failed.error.isLost {
                .lost
            } else {
                failed.error.code == AgentEventsError.Code.runDeadline.rawValue ? .deadline : .stopped
            }
        default: nil
        }
    }
}

extension ThreadStateMachine {
    /// The number of the attempt at an open run; `nil` for one that is not open.
    func attempt(of run: RunID) -> Int? { runs.machine(run)?.attempts.number }
}

extension AgentEventsError {
    /// The error of an emission by a lease that is over, or for a run of another worker.
    static func leaseLost(_ lease: LeaseID?, at index: Int) -> AgentEventsError {
        let message =
            if let lease {
                "the lease \(lease) is not that of the run, or no longer: let go of the run, nothing of it counts"
            } else {
                "a worker works for the run by a lease: only what it emits with this counts"
            }
        return AgentEventsError(.leaseLost, message, index: index)
    }
}
