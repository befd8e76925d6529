import AgentEvents

/// Finds out where a subscription begins. Runs on a worker.
struct SubscriptionLookUp: Sendable {
    let thread: ThreadID
    let start: StartPosition
    let principal: Principal
    let log: any EventLog

    struct Found: Sendable {
        var opened: OpenedSubscription
        /// The thread's last event, as far as the subscriber may know.
        var head: EventID?
        /// Why the log has no event with the cursor that was asked for; the subscriber begins at the start then.
        var reset: ResetReason?
        /// The oldest event that is kept; `nil` for none.
        var oldest: EventID?
    }

    func run() async -> Result<Found, EventLogError> {
        do throws(EventLogError) {
            return .success(try await find())
        } catch {
            return .failure(error)
        }
    }

    private func find() async throws(EventLogError) -> Found {
        let record = try await log.thread(thread)
        // A foreign thread looks like one that does not exist.
        guard let record, principal.mayRead(thread, owner: record.user) else {
            var found = Found(opened: OpenedSubscription(after: 0, end: 0, isCleared: false))
            if case .after = start { found.reset = .unknown }
            return found
        }
        var opened = OpenedSubscription(
            after: record.oldest.sequence - 1, end: record.head.sequence, isCleared: true)
        let resolved = try await log.resolve(start, in: thread, record: record)
        guard case .position(let after) = resolved else {
            return Found(
                opened: opened, head: record.head, reset: ResetReason(resolved),
                oldest: record.isEmpty ? nil : record.oldest)
        }
        opened.after = after
        switch start {
        case .start: break
        case .now: opened.cursor = record.head
        case .after(let cursor): opened.cursor = cursor
        }
        return Found(opened: opened, head: record.head)
    }
}
