package import AgentEvents

/// Checks events that were made elsewhere — received, read or recorded — by the rules by which they are made: dense
/// numbers (I2) and well-formed runs (I3), of any number of threads at once.
///
/// It finds all faults, not only the first; the events after a fault are judged as if the refused event had not been
/// there. A sequence that begins in the middle of a thread is judged from there on: the runs that were open by then are
/// not.
///
/// ```swift
/// var check = EventSequenceCheck()
/// for (index, event) in events.enumerated() { faults += check.receive(event, at: index) }
/// faults += check.finish()
/// ```
package struct EventSequenceCheck: Sendable {
    private let policy: OrderPolicy
    private var threads: [ThreadID: ThreadSequenceCheck] = [:]
    /// In the order in which they appeared.
    private var order: [ThreadID] = []

    /// - Parameter policy: how strictly the order of runs is checked.
    package init(policy: OrderPolicy = .standard) { self.policy = policy }

    /// The number of threads with events.
    package var threadCount: Int { order.count }
    /// The number of runs that were started.
    package var runCount: Int { threads.values.reduce(0) { $0 + $1.runCount } }

    /// Checks the next committed event.
    ///
    /// - Parameter position: where it is, for the faults: a line, an index.
    /// - Returns: the faults of the event.
    package mutating func receive(_ event: AgentEvent, at position: Int) -> [SequenceFault] {
        check(event.threadID) { $0.receive(event, at: position) }
    }

    /// Checks the next event of a sequence that will be emitted, and has no ids, numbers and times yet.
    ///
    /// - Returns: the faults of the event.
    package mutating func receive(_ draft: EventDraft, in thread: ThreadID, at position: Int) -> [SequenceFault] {
        check(thread) { $0.receive(draft, at: position) }
    }

    /// Judges the next events of a thread as if nothing had come before.
    mutating func forget(_ thread: ThreadID) {
        if threads[thread] != nil { threads[thread] = ThreadSequenceCheck(thread: thread, policy: policy) }
    }

    /// Runs of a thread were trimmed: their ids are free again.
    package mutating func forgetRuns(_ runs: Set<RunID>, in thread: ThreadID) { threads[thread]?.forget(runs) }

    /// A subscription to a thread begins: where it does not continue what came before, it is judged by itself.
    ///
    /// - Parameter after: the event after which it begins; `nil` for the start.
    mutating func resume(_ thread: ThreadID, after: EventID?) {
        if threads[thread]?.last != after { forget(thread) }
    }

    /// - Returns: a fault for each run without an end.
    package func finish() -> [SequenceFault] {
        order.flatMap { threads[$0]?.finish() ?? [] }
    }

    private mutating func check(
        _ thread: ThreadID,
        _ body: (inout ThreadSequenceCheck) -> [SequenceFault]
    ) -> [SequenceFault] {
        if threads[thread] == nil { order.append(thread) }
        return body(&threads[thread, default: ThreadSequenceCheck(thread: thread, policy: policy)])
    }
}
