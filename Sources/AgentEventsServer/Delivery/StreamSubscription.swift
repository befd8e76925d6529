import AgentEvents
import NIOCore

/// One subscription: carries out what its machine decides. Confined to the event loop of its session.
final class StreamSubscription {
    let thread: ThreadID
    let loopThread: LoopThread
    private unowned let session: StreamSession
    private var machine = SubscriptionStateMachine()
    /// The id of the last event written; `nil` when the subscriber begins at the start.
    private var lastID: EventID?
    /// Whether it is known that the subscriber may read the thread; not while the thread has no event.
    private var isCleared = false

    init(thread: ThreadID, loopThread: LoopThread, session: StreamSession) {
        self.thread = thread
        self.loopThread = loopThread
        self.session = session
    }

    var isLive: Bool { machine.isLive }

    /// The place in the log was looked up.
    func opened(_ opened: OpenedSubscription) {
        isCleared = opened.isCleared
        lastID = opened.cursor
        act(machine.opened(after: opened.after, end: opened.end, head: visibleHead))
    }

    /// The session's turn to read for this subscription.
    func startReading() -> UInt64? { machine.startReading() }

    /// A page was read: writes it, and what was committed meanwhile.
    func didRead(_ page: PageRead.Page) {
        guard var cursor = machine.cursor else { return }
        var reachesEnd = page.reachesEnd
        if let trim = page.trim, trim.sequence > cursor {
            cursor = trim.sequence
            lastID = trim.cursor
        }
        if let events = page.events, let frames = events.frames(after: cursor) {
            session.write(frames)
            cursor = events.lastSequence
            lastID = events.lastID
        }
        if session.isWritable, cursor < visibleHead, let recent = loopThread.recentFrames(after: cursor) {
            for frames in recent { session.write(frames) }
            cursor = loopThread.head
            lastID = loopThread.headID
            reachesEnd = true
        }
        act(machine.wrotePage(upTo: cursor, reachesEnd: reachesEnd, head: visibleHead))
    }

    private func act(_ action: SubscriptionStateMachine.NextAction) {
        switch action {
        case .none: break
        case .read: session.wantsToRead(self)
        case .goLive(let isFirst):
            if isFirst { session.subscription(self, isLiveAt: lastID) }
        }
    }

    /// A commit with events of the thread.
    func deliver(_ committed: CommittedEvents, written: inout [StreamSession]) {
        if !isCleared {
            // The thread was opened after the subscription: if for somebody else, it stays silent.
            guard machine.isLive, session.mayRead(thread, owner: committed.owner) else { return }
            isCleared = true
        }
        switch machine.committed(upTo: committed.events.lastSequence, isWritable: session.isWritable) {
        case .none: break
        case .write(let after):
            guard let frames = committed.events.frames(after: after) else { return }
            lastID = committed.events.lastID
            session.write(frames, written: &written)
        case .fallBehind:
            session.wantsToRead(self)
        }
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
}
