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
        /// The cursor that was asked for is not one of the thread; the subscriber begins at the start.
        var isDiverged = false
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
            if case .after = start { found.isDiverged = true }
            return found
        }
        var opened = OpenedSubscription(
            after: record.oldest.sequence - 1, end: record.head.sequence, isCleared: true)
        guard case .position(let after) = try await log.resolve(start, in: thread, record: record) else {
            return Found(opened: opened, head: record.head, isDiverged: true, oldest: record.oldest)
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
