import AgentEvents
import AgentEventsServer

/// Mirrors `SubscriptionLookUp`, without snapshots and foreign threads: where a subscription begins. Runs on a worker.
struct StartLookUp {
    struct Found {
        /// The event before the first one to be written.
        var after: UInt64
        /// The id of that event; `nil` when the subscriber begins at the start.
        var cursor: EventID?
        /// The thread's last event when this was looked up.
        var end: UInt64
        var acknowledged: EventID?
        var reset: AgentEventsServer.ResetReason?
        var oldest: EventID?
        var head: EventID?
    }

    let start: StartPosition?
    /// The place of the consumer; `nil` without one.
    let key: ConsumerKey?
    let thread: Int

    func run(_ log: SimulatedLog, _ ledger: inout AcknowledgementLedger, _ bug: SeededBug?) -> Found {
        guard let key else { return find(start ?? .now, log, bug) }
        let acknowledged = ledger.attach(key, stored: log.acknowledgements[key])
        var found = find(start ?? acknowledged.map { .after($0) } ?? .start, log, bug)
        if found.reset == .diverged || found.reset == .unknown, start == nil {
            if let acknowledged { ledger.restart(key, from: acknowledged) }
        } else {
            found.acknowledged = acknowledged
        }
        return found
    }

    private func find(_ start: StartPosition, _ log: SimulatedLog, _ bug: SeededBug?) -> Found {
        let thread = log.threads[thread]
        guard let record = thread.record else {
            var found = Found(after: 0, end: 0)
            if case .after = start { found.reset = .unknown }
            return found
        }
        var found = Found(after: record.oldest.sequence - 1, end: record.head.sequence, head: record.head)
        let resolved = resolve(start, record, thread, bug)
        if case .position(let after) = resolved {
            found.after = after
            found.cursor =
                switch start {
                case .start: nil
                case .now: record.head
                case .after(let cursor): cursor
                }
        } else {
            found.reset = ResetReason(resolved)
            found.oldest = record.isEmpty ? nil : record.oldest
        }
        return found
    }

    private func resolve(
        _ start: StartPosition,
        _ record: ThreadRecord,
        _ thread: SimulatedThread,
        _ bug: SeededBug?
    ) -> ResolvedStart {
        switch start.lookUp(in: record) {
        case .resolved(let resolved): return resolved
        case .compare(let cursor):
            if bug == .generationNotCompared { return .position(after: cursor.sequence) }
            let page = thread.page(after: cursor.sequence - 1, byteCount: 1)
            return ResolvedStart(
                cursor, found: FoundEvent(id: page.events.first?.id, isTrimmed: page.skipsTrimmed))
        }
    }
}
