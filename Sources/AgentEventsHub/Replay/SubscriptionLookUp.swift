import AgentEvents
import AgentEventsProtocol

/// Looks up the place where a subscription begins. Runs on a worker.
struct SubscriptionLookUp: Sendable {
    let request: SubscribeRequest
    let principal: Principal
    let access: ThreadAccess
    /// The rights of the principal, as far as they are known; `nil` for nothing.
    let rights: RightsAnswer?
    let pages: ThreadPages
    let framing: StreamFraming
    /// Whether the first page is read as well, for a subscription that begins before the end of its thread.
    let readsPage: Bool
    /// The places of consumers; `nil` when there is no consumer.
    let consumers: ConsumerAcknowledgements?
    let snapshots: ThreadSnapshots
    /// The log's, of this opening.
    let generation: UInt64

    struct Found: Sendable {
        var opened: OpenedSubscription
        /// The thread's last event, as far as the subscriber may know.
        var head: EventID?
        /// The reason why the subscriber does not begin after the cursor that it asked for; `nil` when it does.
        var reset: ResetReason?
        /// The oldest event that is kept; `nil` for none.
        var oldest: EventID?
        /// The state after which the subscriber begins; `nil` when it gets none.
        var snapshot: SnapshotMessages?
        /// The events with which the subscriber begins; `nil` when they are yet to be read, or there are none.
        var page: PageRead.Page?
    }

    func run() async -> Result<Found, ProtocolError> {
        do throws(ProtocolError) {
            guard let consumers, let key = request.consumerKey(of: principal.user) else {
                return .success(try await find(request.start ?? .now))
            }
            return .success(try await find(as: key, in: consumers))
        } catch {
            return .failure(error)
        }
    }

    private func mapLogError<Value>(
        _ body: () async throws(EventLogError) -> Value
    ) async throws(ProtocolError) -> Value {
        do throws(EventLogError) {
            return try await body()
        } catch {
            throw ProtocolError(error, threadID: request.thread)
        }
    }

    /// The record of the thread, with the rights of the principal; `nil` when there is no such thread.
    private func record() async throws(ProtocolError) -> (record: ThreadRecord, rights: RightsAnswer)? {
        let found = try await mapLogError { () async throws(EventLogError) in
            try await pages.record(of: request.thread)
        }
        guard let record = found else { return nil }
        let answer: RightsAnswer
        if let rights, rights.owner == record.user, access.counts(rights) {
            answer = rights
        } else {
            let question = RightsRequest(principal: principal, thread: request.thread, owner: record.user)
            answer = try await access.answer(to: question).get()
        }
        let visible = try await mapLogError { () async throws(EventLogError) in
            try await record.visible(hiddenUpTo: answer.hiddenUpTo) { sequence async throws(EventLogError) in
                let found = try await pages.read(request.thread, after: sequence - 1, framing: framing)
                return found.trim?.oldest ?? found.page?.id(of: sequence)
            }
        }
        return (visible, answer)
    }

    /// A consumer begins after the event that it has acknowledged, unless it asks for another place; a new one, which
    /// has handled nothing, with the first event.
    private func find(
        as key: ConsumerKey,
        in consumers: ConsumerAcknowledgements
    ) async throws(ProtocolError) -> Found {
        let acknowledged = try await mapLogError { () async throws(EventLogError) in try await consumers.attach(key) }
        do throws(ProtocolError) {
            let start = request.start ?? acknowledged.map { .after($0) } ?? .start
            var found = try await find(start)
            guard let acknowledged else { return found }
            let isLookedUp = request.start == nil && request.snapshot != .atStart
            let reset = isLookedUp ? found.reset : try await reset(of: acknowledged)
            // The acknowledged event is not, or is no longer, the thread's: it does not count against what comes now.
            if reset == .diverged || reset == .unknown {
                consumers.restart(key, from: acknowledged)
            } else {
                found.opened.acknowledged = acknowledged
            }
            return found
        } catch {
            consumers.detach(key)
            throw error
        }
    }

    /// The reason why a reader with a cursor must begin again; `nil` when the thread continues from there.
    private func reset(of cursor: Cursor) async throws(ProtocolError) -> ResetReason? {
        let start = StartPosition.after(cursor)
        guard let (record, rights) = try await record(), rights.allows(.read) else {
            return resetOfUnknownThread(start)
        }
        return ResetReason(try await resolve(start, in: record))
    }

    /// A foreign thread looks like one that does not exist.
    private func resetOfUnknownThread(_ start: StartPosition) -> ResetReason? {
        guard case .resolved(let resolved) = start.lookUp(in: nil, generation: generation) else { return nil }
        return ResetReason(resolved)
    }

    private func find(_ start: StartPosition) async throws(ProtocolError) -> Found {
        let thread = request.thread
        let known = try await record()
        if known == nil { try await access.throwIfDeleted(thread, by: principal) }
        guard let (record, rights) = known, rights.allows(.read) else {
            var found = Found(opened: OpenedSubscription(after: 0, end: 0, owner: known?.record.user))
            if request.snapshot != .atStart { found.reset = resetOfUnknownThread(start) }
            if request.snapshot.isTaken(onReset: found.reset != nil) {
                found.snapshot = SnapshotMessages(ThreadState(), of: thread, framing: framing)
            }
            return found
        }
        var found = Found(
            opened: OpenedSubscription(
                after: record.oldest.sequence - 1, end: record.head.sequence, owner: record.user, rights: rights),
            head: record.head)
        if request.snapshot != .atStart {
            let resolved = try await resolve(start, in: record)
            if case .position(let after) = resolved {
                found.opened.after = after
                found.opened.cursor = Self.cursor(at: start, head: record.head)
            } else {
                found.reset = ResetReason(resolved)
                found.oldest = record.isEmpty ? nil : record.oldest
            }
            let beginsWithOldest = found.opened.after < record.oldest.sequence && found.opened.cursor == nil
            if beginsWithOldest, found.reset == nil || found.reset == .trimmed, record.oldest.sequence > 1 {
                found.opened.firstKept = record.oldest
            }
        }
        if request.snapshot.isTaken(onReset: found.reset != nil) {
            let snapshot = try await mapLogError { () async throws(EventLogError) in
                try await snapshots.messages(of: thread, hiddenUpTo: rights.hiddenUpTo, framing: framing)
            }
            found.snapshot = snapshot
            found.opened.firstKept = nil
            found.opened.cursor = snapshot.cursor
            found.opened.after = snapshot.cursor?.sequence ?? found.opened.after
        } else if readsPage, found.opened.after < record.head.sequence {
            found.page = try await firstPage(after: found.opened.after, hiddenUpTo: rights.hiddenUpTo)
        }
        return found
    }

    /// The event before the page is mostly known from the look-up of the cursor, and so is the page itself.
    private func firstPage(
        after sequence: UInt64,
        hiddenUpTo hidden: UInt64
    ) async throws(ProtocolError) -> PageRead.Page {
        let read = PageRead(
            thread: request.thread, after: sequence, hiddenUpTo: hidden, merges: request.merges, framing: framing,
            snapshots: request.snapshot.isTaken(onReset: true) ? snapshots : nil, pages: pages)
        return try await mapLogError { () async throws(EventLogError) in try await read.run().get() }
    }

    private func resolve(
        _ start: StartPosition,
        in record: ThreadRecord
    ) async throws(ProtocolError) -> ResolvedStart {
        switch start.lookUp(in: record, generation: generation) {
        case .resolved(let resolved):
            return resolved
        case .compare(let cursor):
            // The page that the cursor's event is on is mostly the one that comes next.
            let found = try await mapLogError { () async throws(EventLogError) in
                try await pages.read(request.thread, after: cursor.sequence - 1, framing: framing)
            }
            return ResolvedStart(
                cursor, found: FoundEvent(id: found.page?.id(of: cursor.sequence), isTrimmed: found.trim != nil))
        }
    }

    private static func cursor(at start: StartPosition, head: EventID) -> EventID? {
        switch start {
        case .start: nil
        case .now: head
        case .after(let cursor): cursor
        }
    }
}

extension SubscribeRequest.SnapshotUse {
    func isTaken(onReset isReset: Bool) -> Bool {
        switch self {
        case .never: false
        case .onReset: isReset
        case .atStart: true
        }
    }
}

extension SubscribeRequest {
    /// Whether the subscription may begin before the end of the thread.
    var readsBack: Bool {
        switch start {
        case .now: false
        case nil: consumer != nil
        case .start, .after: true
        }
    }
}
