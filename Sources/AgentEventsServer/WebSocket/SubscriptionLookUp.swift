import AgentEvents

/// Finds out where a subscription begins. Runs on a worker.
struct SubscriptionLookUp: Sendable {
    let request: SubscribeRequest
    let principal: Principal
    let log: any EventLog
    /// Where to look the consumer's place up; `nil` when there is no consumer.
    let consumers: ConsumerAcknowledgements?

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
            guard let consumers, let key = request.consumerKey(of: principal.user) else {
                return .success(try await find(request.start ?? .now))
            }
            return .success(try await find(as: key, in: consumers))
        } catch {
            return .failure(error)
        }
    }

    /// A consumer begins behind what it has acknowledged, unless it asks for another place; a new one, which has handled
    /// nothing, with the first event.
    private func find(
        as key: ConsumerKey,
        in consumers: ConsumerAcknowledgements
    ) async throws(EventLogError) -> Found {
        let acknowledged = try await consumers.attach(key)
        do throws(EventLogError) {
            let start = request.start ?? acknowledged.map { .after($0) } ?? .start
            var found = try await find(start)
            if found.isDiverged, request.start == nil {
                consumers.restart(key)
            } else {
                found.opened.acknowledged = acknowledged
            }
            return found
        } catch {
            consumers.detach(key)
            throw error
        }
    }

    private func find(_ start: StartPosition) async throws(EventLogError) -> Found {
        let thread = request.thread
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
