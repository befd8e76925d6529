import AgentEvents
import NIOCore

/// One subscription: carries out what its machine decides. Confined to the event loop of its session.
final class StreamSubscription {
    let thread: ThreadID
    let loopThread: LoopThread
    let consumer: ConsumerID?
    /// Whether fragments may be merged while the subscriber is behind.
    let merges: Bool
    /// Whether the subscriber gets the state in the place of events that are not to be had any more.
    let takesSnapshots: Bool
    private unowned let session: StreamSession
    private var machine = SubscriptionStateMachine()
    private var acknowledgements = AcknowledgementStateMachine()
    /// The events written.
    private var sent = GivenEvents(after: nil)
    private var startSequence: UInt64 = 0
    /// The thread's last event when the place was looked up.
    private var knownEnd: UInt64 = 0
    /// Whether it is known that the subscriber may read the thread; not while the thread has no event.
    private var isCleared = false
    /// Whether the place of the consumer is kept for this subscription.
    var isAttached = false

    init(_ request: SubscribeRequest, loopThread: LoopThread, session: StreamSession) {
        thread = request.thread
        consumer = request.consumer
        merges = request.merges
        takesSnapshots = request.snapshot.isTaken(onReset: true)
        self.loopThread = loopThread
        self.session = session
    }

    var isLive: Bool { machine.isLive }

    /// The place in the log was looked up. Events come from ``begin()`` on.
    func located(_ opened: OpenedSubscription) {
        isCleared = opened.isCleared
        sent = GivenEvents(after: opened.cursor)
        startSequence = opened.after
        knownEnd = opened.end
        acknowledgements.resume(at: opened.acknowledged)
    }

    /// Everything that comes before the first event is written.
    func begin() { act(machine.opened(after: startSequence, end: knownEnd, head: visibleHead)) }

    /// The session's turn to read for this subscription.
    func startReading() -> UInt64? { machine.startReading() }

    /// A page was read: writes it, and what was committed meanwhile.
    ///
    /// - Returns: how many events were sent.
    func didRead(_ page: PageRead.Page) -> Int {
        if let trim = page.trim, machine.trimmed(upTo: trim.sequence) {
            // What was sent before stays so, and may still be acknowledged.
            if let cursor = trim.cursor { sent.gave(cursor, from: cursor.sequence) }
            session.subscription(self, isTrimmedUpTo: trim)
            if let snapshot = page.snapshot {
                session.write(snapshot, to: self, then: .proceed(page))
                return 0
            }
        }
        return write(page)
    }

    /// Writes a page whose snapshot, if it has one, is written already.
    ///
    /// - Returns: how many events were sent.
    func write(_ page: PageRead.Page) -> Int {
        guard var cursor = machine.cursor else { return 0 }
        var start = cursor
        var reachesEnd = page.reachesEnd
        if let last = page.lastID, last.sequence > cursor {
            for frames in page.frames { session.write(frames) }
            if page.snapshot == nil {
                for part in page.parts where part.last.sequence > cursor {
                    sent.gave(part.last, from: max(part.first, cursor + 1))
                }
            } else {
                // A state is no event.
                sent = GivenEvents(after: last)
                start = last.sequence
            }
            cursor = last.sequence
        }
        if cursor < visibleHead, let recent = loopThread.recentFrames(after: cursor),
            session.mayWrite(byteCount: recent.reduce(0) { $0 + $1.readableBytes })
        {
            for frames in recent { session.write(frames) }
            // What the loop has seen was accepted in this process, and so is of one generation.
            if let head = loopThread.headID { sent.gave(head, from: cursor + 1) }
            cursor = loopThread.head
            reachesEnd = true
        }
        act(machine.wrotePage(upTo: cursor, reachesEnd: reachesEnd, head: visibleHead))
        return Int(clamping: cursor - start)
    }

    private func act(_ action: SubscriptionStateMachine.NextAction) {
        switch action {
        case .none: break
        case .read: session.wantsToRead(self)
        case .goLive(let isFirst):
            if isFirst { session.subscription(self, isLiveAt: sent.last) }
            loopThread.caughtUp()
        }
    }

    /// A commit with events of the thread.
    func deliver(_ committed: CommittedEvents, written: inout [StreamSession], sentCount: inout Int) {
        if !isCleared {
            // The thread was opened after the subscription: if for somebody else, it stays silent.
            guard machine.isLive, session.mayRead(thread, owner: committed.owner) else { return }
            isCleared = true
        }
        let isWritable = committed.events.map { session.mayWrite(byteCount: $0.byteCount) } ?? false
        switch machine.committed(upTo: committed.lastID.sequence, isWritable: isWritable) {
        case .none: break
        case .write(let after):
            guard let events = committed.events, let frames = events.frames(after: after) else { return }
            sent.gave(committed.lastID, from: after + 1)
            session.write(frames, written: &written)
            sentCount += Int(clamping: events.lastSequence - max(after, events.firstSequence - 1))
        case .fallBehind:
            session.wantsToRead(self, written: &written)
        }
    }

    /// The subscriber has handled everything up to a cursor.
    ///
    /// - Parameter store: notes it for the consumer; what it throws leaves everything as it was.
    func acknowledge(
        _ cursor: Cursor,
        store: () throws(ProtocolError) -> Void
    ) throws(ProtocolError) -> AcknowledgementStateMachine.Action {
        var next = acknowledgements
        let action = next.acknowledge(cursor, sent: sent)
        if case .accept = action { try store() }
        acknowledgements = next
        return action
    }

    /// What the next acknowledgement goes beyond: the latest one, or where the subscription began.
    var acknowledgedSequence: UInt64 { max(acknowledgements.acknowledged?.sequence ?? 0, startSequence) }

    /// The subscription as others may know of it; `nil` when it is none of the thread's.
    var subscriber: Subscriber? { session.subscriber(self) }

    func subscriber(_ connection: ConnectionID, _ user: UserID) -> Subscriber? {
        guard isCleared || loopThread.owner == nil, let state = machine.subscriberState else { return nil }
        return Subscriber(
            connection: connection, user: user, consumer: consumer, state: state, sent: sent.last,
            acknowledged: acknowledgements.acknowledged)
    }

    /// The head as far as the subscriber may know of it.
    private var visibleHead: UInt64 {
        if !isCleared, let owner = loopThread.owner { isCleared = session.mayRead(thread, owner: owner) }
        return isCleared ? loopThread.head : 0
    }

    func end() { machine.end() }
}

/// Where a subscription begins, looked up in the log.
struct OpenedSubscription: Sendable {
    /// The event before the first one to be written.
    var after: UInt64
    /// The id of that event; `nil` when the subscriber begins at the start.
    var cursor: EventID?
    /// The thread's last event; 0 when there is none that the subscriber may know of.
    var end: UInt64
    /// Whether the thread has an event and the subscriber may read it.
    var isCleared: Bool
    /// What the consumer had acknowledged before; `nil` for nothing.
    var acknowledged: EventID?
}
