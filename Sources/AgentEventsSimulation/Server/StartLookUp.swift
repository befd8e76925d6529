import AgentEvents
import AgentEventsHub
import AgentEventsProtocol

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
        var reset: ResetReason?
        var oldest: EventID?
        var head: EventID?
    }

    let start: StartPosition?
    /// The place of the consumer; `nil` without one.
    let key: ConsumerKey?
    let thread: Int

    func run(_ service: SimulatedService) -> Found {
        guard let key else { return find(start ?? .now, service) }
        let acknowledged = service.ledger.attach(key, stored: service.world.log.acknowledgements[key])
        var found = find(start ?? acknowledged.map { .after($0) } ?? .start, service)
        if let acknowledged, start == nil, found.reset == .diverged || found.reset == .unknown {
            service.ledger.restart(key, from: acknowledged)
        } else {
            found.acknowledged = acknowledged
        }
        return found
    }

    private func find(_ start: StartPosition, _ service: SimulatedService) -> Found {
        guard let record = service.world.log.threads[thread].record else {
            var found = Found(after: 0, end: 0)
            if case .resolved(let resolved) = start.lookUp(in: nil, generation: service.runtime.generation) {
                found.reset = ResetReason(resolved)
            }
            return found
        }
        var found = Found(after: record.oldest.sequence - 1, end: record.head.sequence, head: record.head)
        let resolved = resolve(start, record, service)
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
        _ service: SimulatedService
    ) -> ResolvedStart {
        switch start.lookUp(in: record, generation: service.runtime.generation) {
        case .resolved(let resolved): return resolved
        case .compare(let cursor):
            if service.world.bug == .generationNotCompared { return .position(after: cursor.sequence) }
            // The page that the cursor's event is on is mostly the one that comes next.
            let found = service.pages.read(thread, after: cursor.sequence - 1, now: service.world.now)
            return ResolvedStart(
                cursor, found: FoundEvent(id: found.page?.id(of: cursor.sequence), isTrimmed: found.trim != nil))
        }
    }
}
