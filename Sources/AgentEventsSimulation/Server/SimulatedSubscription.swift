import AgentEvents
import AgentEventsHub

/// Mirrors `StreamSubscription`, for readers who may read every thread.
final class SimulatedSubscription {
    let thread: Int
    let consumer: ConsumerKey?
    private let merges: Bool
    private let loopThread: SimulatedLoopThread
    private unowned let session: SimulatedSession
    private let bug: SeededBug?
    private var machine = SubscriptionStateMachine()
    private var acknowledgements = AcknowledgementStateMachine()
    /// The events written.
    private var sent = GivenEvents(after: nil)
    /// Whether the place of the consumer is kept for this subscription.
    var isAttached = false

    init(
        _ thread: Int,
        consumer: ConsumerKey?,
        merges: Bool,
        loopThread: SimulatedLoopThread,
        session: SimulatedSession,
        bug: SeededBug?
    ) {
        self.thread = thread
        self.consumer = consumer
        self.merges = merges
        self.loopThread = loopThread
        self.session = session
        self.bug = bug
    }

    var isLive: Bool { machine.isLive }

    /// The id of the last event written.
    var lastID: EventID? { sent.last }

    func opened(_ found: StartLookUp.Found) {
        sent = GivenEvents(after: found.cursor)
        acknowledgements.resume(at: found.acknowledged)
        let after = bug == .resumedOffByOne && found.cursor != nil ? found.after + 1 : found.after
        act(machine.opened(after: after, end: found.end, head: loopThread.head))
    }

    /// - Returns: the page to read; `nil` when there is none.
    func startReading() -> PageLookUp? {
        machine.startReading().map { PageLookUp(thread: thread, after: $0, merges: merges) }
    }

    func didRead(_ page: PageLookUp.Page) {
        if let trim = page.trim, machine.trimmed(upTo: trim.sequence) {
            if let cursor = trim.cursor { sent.insert(cursor, from: cursor.sequence) }
            session.subscription(self, isTrimmedUpTo: trim)
        }
        guard var cursor = machine.cursor else { return }
        var reachesEnd = page.reachesEnd
        if let batch = page.batch, batch.lastSequence > cursor {
            session.write(batch, from: 0)
            for frame in batch.frames where frame.event.id.sequence > cursor {
                sent.insert(frame.event.id, from: max(frame.firstSequence, cursor + 1))
            }
            cursor = batch.lastSequence
        }
        if cursor < loopThread.head, let recent = loopThread.recentBatches(after: cursor),
            session.mayWrite(byteCount: recent.reduce(0) { $0 + $1.byteCount })
        {
            session.count(.recentServed)
            for batch in recent {
                if let frame = batch.firstFrame(after: cursor) { session.write(batch, from: frame) }
            }
            if let head = loopThread.headID { sent.insert(head, from: cursor + 1) }
            cursor = loopThread.head
            reachesEnd = true
        }
        if bug == .liveOneEventEarly, cursor + 1 >= loopThread.head {
            act(machine.wrotePage(upTo: cursor, reachesEnd: true, head: cursor))
        } else {
            act(machine.wrotePage(upTo: cursor, reachesEnd: reachesEnd, head: loopThread.head))
        }
    }

    private func act(_ action: SubscriptionStateMachine.NextAction) {
        switch action {
        case .none: break
        case .read: session.wantsToRead(self)
        case .goLive(let isFirst):
            if isFirst { session.subscription(self, isLiveAt: lastID) }
            loopThread.caughtUp()
        }
    }

    /// A commit with events of the thread.
    func deliver(_ commit: SimulatedCommit, written: inout [SimulatedSession]) {
        let isWritable = commit.batch.map { session.mayWrite(byteCount: $0.byteCount) } ?? false
        if bug == .droppedOnOverflow, !isWritable {
            _ = machine.committed(upTo: commit.lastID.sequence, isWritable: true)
            return
        }
        switch machine.committed(upTo: commit.lastID.sequence, isWritable: isWritable) {
        case .none: break
        case .write(let after):
            guard let batch = commit.batch, let frame = batch.firstFrame(after: after) else { return }
            sent.insert(commit.lastID, from: after + 1)
            session.write(batch, from: frame)
            session.markWritten(&written)
        case .fallBehind:
            session.count(commit.batch == nil ? .newsOnly : .fellBehind)
            // In the middle of a commit: the read begins when the loop comes to flush.
            session.wantsToRead(self)
            session.markWritten(&written)
        }
    }

    /// - Parameter store: notes it for the consumer; when it cannot, everything is as it was.
    /// - Returns: what became of it; `nil` when it was not noted.
    func acknowledge(_ cursor: Cursor, store: () -> Bool) -> AcknowledgementStateMachine.Action? {
        var next = acknowledgements
        let action = next.acknowledge(cursor, sent: sent)
        if case .accept = action, !store() { return nil }
        acknowledgements = next
        return action
    }

    var acknowledged: Cursor? { acknowledgements.acknowledged }

    func end() { machine.end() }
}
