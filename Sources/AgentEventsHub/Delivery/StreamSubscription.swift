import AgentEvents
import AgentEventsProtocol
import NIOCore

/// One subscription: carries out what its machine decides. Confined to the event loop of its session.
///
/// It writes what comes with a commit by itself. Otherwise the session calls it, and is told by what it returns.
final class StreamSubscription {
    typealias NextAction = SubscriptionStateMachine.NextAction

    let feed: ThreadFeed
    let loopThread: LoopThread
    let consumer: ConsumerName?
    private let output: SessionOutput
    /// Handed over, to those who flush it; and what the subscription needs of it is noted there.
    private unowned let session: StreamSession
    private var machine = SubscriptionStateMachine()
    private var acknowledgements = AcknowledgementStateMachine()
    /// The events written.
    private var sent = GivenEvents(after: nil)
    private var startSequence: UInt64 = 0
    /// The thread's last event when the place was looked up.
    private var knownEnd: UInt64 = 0
    /// The number of the last event that the subscriber may not read; 0 for none.
    private(set) var hiddenUpTo: UInt64 = 0
    /// The number of changes of rights, and what it was when the page was asked for that is on its way.
    private var changeCount: UInt32 = 0
    private var changeCountAtRead: UInt32 = 0
    /// Whether the subscriber may read the thread.
    private var clearance = ClearanceStateMachine()
    // Side by side, so that they take no more room than they need.
    /// Whether fragments may be merged while the subscriber catches up.
    let merges: Bool
    /// Whether the subscriber gets the state in the place of events that are not kept any longer.
    let takesSnapshots: Bool
    /// Whether the subscriber is told when the members of the thread change.
    private let followsMembers: Bool
    /// Whether a change of members was not told yet, because the subscriber's own rights are not known.
    private var owesMembersChange = false
    /// Whether its place is known, and it has not ended: it may be given a state, or events.
    private(set) var isLocated = false
    /// Whether the thread was deleted while its place was looked up.
    var isDeleted = false
    /// Whether earlier credentials allowed it.
    private var endsWhenDenied = false
    /// Whether the place of the consumer is kept for this subscription.
    var isAttached = false

    init(_ request: SubscribeRequest, _ feed: ThreadFeed, loopThread: LoopThread, session: StreamSession) {
        self.feed = feed
        consumer = request.consumer
        merges = request.merges
        followsMembers = request.followsMembers
        takesSnapshots = request.snapshot.isTaken(onReset: true)
        self.loopThread = loopThread
        self.session = session
        output = session.output
    }

    private var identity: SessionIdentity { session.identity }
    var thread: ThreadID { feed.thread }
    var isLive: Bool { machine.isLive }

    /// The place in the log was looked up. Events come from ``begin()`` on.
    func located(_ opened: OpenedSubscription) {
        isLocated = true
        if let owner = opened.owner { loopThread.wasFound(owner: owner) }
        if let answer = opened.rights, access.counts(answer) { take(answer) }
        sent = opened.firstKept.map { GivenEvents(beginningWith: $0) } ?? GivenEvents(after: opened.cursor)
        startSequence = opened.after
        knownEnd = opened.end
        acknowledgements.resume(at: opened.acknowledged)
    }

    /// Everything that comes before the first event is written.
    ///
    /// - Parameter page: the first events, if they were read with the place and may be written.
    func begin(with page: PageRead.Page? = nil) -> SnapshotWrite? {
        let action = machine.opened(after: startSequence, end: knownEnd, head: visibleHead)
        guard case .read = action, let page, machine.startReading() != nil else {
            act(action)
            return nil
        }
        // The place and the page were looked up together, and count together.
        changeCountAtRead = changeCount
        return didRead(page)
    }

    /// The session's turn to read for this subscription.
    ///
    /// - Returns: after which event; `nil` when it does not read. When that is for want of rights, it comes back with them.
    func startReading() -> UInt64? {
        guard mayBeGiven(owner: loopThread.owner) else { return nil }
        changeCountAtRead = changeCount
        return machine.startReading()
    }

    /// A page was read: writes it, and what was committed meanwhile. One that was asked for before the rights have changed is
    /// not looked at.
    ///
    /// - Returns: a snapshot to write before the rest, which ``write(_:)`` writes.
    func didRead(_ page: PageRead.Page) -> SnapshotWrite? {
        guard mayBeGiven(owner: loopThread.owner), changeCount == changeCountAtRead else {
            machine.dropPage()
            if clearance.isGranted, machine.resume() { session.replays.append(self) }
            return nil
        }
        if let trim = page.trim, machine.trimmed(upTo: trim.sequence) {
            // What was sent before stays so, and may still be acknowledged.
            if let cursor = trim.cursor { sent.insert(cursor, from: cursor.sequence) }
            output.metrics.resets(.trimmed)
            output.send(.reset(thread, .trimmed, oldest: trim.oldest))
            if let snapshot = page.snapshot {
                return SnapshotWrite(subscription: self, messages: snapshot, next: .proceed(page))
            }
        }
        write(page)
        return nil
    }

    /// Writes a page whose snapshot, if it has one, is written already.
    func write(_ page: PageRead.Page) {
        guard var cursor = machine.cursor else { return }
        var start = cursor
        var reachesEnd = page.reachesEnd
        if let last = page.lastID, last.sequence > cursor {
            for frames in page.frames { output.write(frames) }
            if page.snapshot == nil {
                for part in page.parts where part.last.sequence > cursor {
                    sent.insert(part.last, from: max(part.first, cursor + 1))
                }
            } else {
                // A state is no event.
                sent = GivenEvents(after: last)
                start = last.sequence
            }
            cursor = last.sequence
        }
        if cursor < visibleHead, let recent = loopThread.recentFrames(after: cursor),
            output.mayWrite(byteCount: recent.reduce(0) { $0 + $1.readableBytes })
        {
            for frames in recent { output.write(frames) }
            // What the loop has seen was accepted in this process, and so is of one generation.
            if let head = loopThread.headID { sent.insert(head, from: cursor + 1) }
            cursor = loopThread.head
            reachesEnd = true
        }
        output.metrics.sent(Int(clamping: cursor - start))
        act(machine.wrotePage(upTo: cursor, reachesEnd: reachesEnd, head: visibleHead))
    }

    private func act(_ action: NextAction) {
        switch action {
        case .none: break
        case .read: session.replays.append(self)
        case .goLive(let isFirst):
            if isFirst { output.send(.live(thread, cursor: sent.last)) }
            loopThread.caughtUp()
        }
    }

    /// A commit with events of the thread.
    ///
    /// - Parameters:
    ///   - isSettled: ``LoopState/isSettled``.
    ///   - written: gets the session, when it has something to flush or to do.
    func deliver(
        _ committed: CommittedEvents,
        isSettled: Bool,
        written: inout WrittenSessions,
        sentCount: inout Int
    ) {
        guard isSettled || identity.mayWrite(to: thread) else {
            // The session takes account of it when the loop comes to flush.
            written.attend(session)
            return
        }
        if !clearance.isGrantedForGood {
            // Its place is being looked up.
            guard machine.cursor != nil else { return }
            guard isCleared(owner: committed.owner) else {
                // The question is put when the loop comes to flush.
                if session.rights.hasWaiting { written.attend(session) }
                return
            }
        }
        // Events of another writer of the log that lie before these are in the log, and nowhere else.
        let canWrite =
            if let events = committed.events {
                // A member that was let in from now on gets nothing from before.
                events.firstSequence <= (machine.cursor ?? 0) + 1 && hiddenUpTo <= (machine.cursor ?? 0)
                    && output.mayWrite(byteCount: events.byteCount)
            } else {
                false
            }
        switch machine.committed(upTo: committed.lastID.sequence, canWrite: canWrite) {
        case .none: return
        case .write(let after):
            guard let events = committed.events, let frames = events.frames(after: after) else { return }
            sent.insert(committed.lastID, from: after + 1)
            output.write(frames)
            sentCount += Int(clamping: events.lastSequence - max(after, events.firstSequence - 1))
            // Otherwise the session takes account of what has changed before it flushes.
            if isSettled { written.wrote(to: output) } else { written.attend(session) }
        case .fallBehind:
            output.metrics.recordFallBehind()
            // The read begins when the loop comes to flush.
            session.replays.append(self)
            written.attend(session)
        }
    }

    /// The subscriber has handled everything up to a cursor. One that may not read the thread was sent nothing.
    ///
    /// - Parameter store: notes it for the consumer; what it throws leaves everything as it was.
    func acknowledge(
        _ cursor: Cursor,
        store: () throws(ProtocolError) -> Void
    ) throws(ProtocolError) -> AcknowledgementStateMachine.Action {
        guard clearance.isGranted else { return .rejectNotSent }
        var next = acknowledgements
        let action = next.acknowledge(cursor, sent: sent)
        if case .accept = action { try store() }
        acknowledgements = next
        return action
    }

    /// The sequence number that the next acknowledgement exceeds: the latest one's, or that where the subscription
    /// began.
    var acknowledgedSequence: UInt64 { max(acknowledgements.acknowledged?.sequence ?? 0, startSequence) }

    /// The place that is kept in the thread; `nil` without a consumer.
    var consumerKey: ConsumerKey? {
        consumer.map { ConsumerKey(thread: thread, user: identity.principal.user, consumer: $0) }
    }

    /// The subscription as others may know of it; `nil` when it does not belong to the thread.
    var subscriber: Subscriber? {
        guard clearance.isKnown || loopThread.owner == nil, let state = machine.subscriberState else { return nil }
        return Subscriber(
            connection: identity.connection, user: identity.principal.user, consumer: consumer, state: state,
            sent: sent.last,
            acknowledged: acknowledgements.acknowledged)
    }

    /// The head as far as the subscriber may know of it.
    private var visibleHead: UInt64 {
        if !clearance.isGranted, let owner = loopThread.owner { _ = mayBeGiven(owner: owner) }
        return clearance.isGranted ? loopThread.head : 0
    }

    // MARK: Rights

    private var access: ThreadAccess { output.access }

    /// Whether events may be written now. If that has to be asked, the session does, and what is not written now is read once
    /// it is allowed.
    ///
    /// - Parameter owner: the user of the thread; `nil` when it is not known here.
    private func mayBeGiven(owner: UserID?) -> Bool { identity.mayWrite(to: thread) && isCleared(owner: owner) }

    private func isCleared(owner: UserID?) -> Bool {
        if clearance.isGrantedForGood { return true }
        switch clearance.check(at: access.now) {
        case .give: return true
        case .wait: return false
        case .ask: break
        }
        if let owner, let known = access.known(question(owner: owner)) {
            take(known)
            return clearance.isGranted
        }
        session.rights.append(self)
        return false
    }

    /// Whether the next part of a state may be written now.
    func mayBeGivenSnapshot() -> Bool { mayBeGiven(owner: loopThread.owner) }

    private func question(owner: UserID) -> RightsRequest {
        RightsRequest(principal: identity.principal, thread: thread, owner: owner)
    }

    private func take(_ answer: RightsAnswer) {
        if answer.owner == nil {
            clearance.foundNothing()
        } else {
            let allowsReading = answer.allows(.read) && identity.principal.scopes.contains(.read)
            clearance.answered(allowsReading: allowsReading, until: answer.expires)
            hiddenUpTo = answer.hiddenUpTo
            if allowsReading { endsWhenDenied = false }
            tellOfMembers()
        }
    }

    /// The members of the thread have changed. Those who may not read it are not told, nor any longer those who are no member now.
    func membersChanged() {
        guard followsMembers, isLocated, clearance.isKnown else { return }
        owesMembersChange = true
        tellOfMembers()
    }

    private func tellOfMembers() {
        guard owesMembersChange, clearance.isGranted, identity.mayWrite(to: thread) else { return }
        owesMembersChange = false
        output.send(.membersChanged(thread))
        output.flush()
    }

    /// Whether a question has to be answered before an acknowledgement is checked.
    var isInDoubt: Bool { !clearance.isGrantedForGood && clearance.isInDoubt(at: access.now) }

    /// The authorizer was asked. What may be given now is read, in the session's turn.
    ///
    /// - Parameter generation: of the credentials that it was asked for.
    func answered(_ answer: Result<RightsAnswer, ProtocolError>, for generation: Int) {
        guard generation == identity.generation else {
            clearance.failed()
            return askAgain()
        }
        switch answer {
        case .success(let answer) where access.counts(answer):
            take(answer)
            // The thread got its first event while it was asked for without one.
            if answer.owner == nil, loopThread.owner != nil { return askAgain() }
            if clearance.isGranted, machine.resume() { session.replays.append(self) }
        case .success(let answer) where !access.isOfNow(answer):
            // Rights have changed since.
            clearance.failed()
            askAgain()
        case .success, .failure:
            // Nobody could say it, or the credentials have come to their end.
            clearance.failed()
            session.rights.appendFailed(self)
        }
    }

    /// There was no answer, or rights have changed: it is asked, unless the answer can be no other.
    func askAgain() {
        if isLocated, clearance.askAgain() { session.rights.append(self) }
    }

    /// Rights have changed: nothing that was asked for before counts.
    func rightsChanged() {
        changeCount &+= 1
        askAgain()
    }

    /// The credentials of the connection were replaced: what those before allowed counts no longer.
    func credentialsChanged() {
        changeCount &+= 1
        guard isLocated else { return }
        if clearance.isKnown { endsWhenDenied = true }
        let wasGranted = clearance.isGranted
        clearance.forget()
        guard let owner = loopThread.owner, let known = access.known(question(owner: owner)) else {
            return askAgain()
        }
        take(known)
        // Otherwise nothing was held back.
        if clearance.isGranted, !wasGranted, machine.resume() { session.replays.append(self) }
    }

    /// Whether the subscription was allowed by earlier credentials, and those of now do not allow it: the client is told, and it
    /// ends.
    var isForbidden: Bool { endsWhenDenied && clearance.isDenied }

    func end() {
        isLocated = false
        machine.end()
    }
}

/// The place where a subscription begins, looked up in the log.
struct OpenedSubscription: Sendable {
    /// The event before the first one to be written.
    var after: UInt64
    /// The id of that event; `nil` when the subscriber begins at the start.
    var cursor: EventID?
    /// The oldest event that is kept, with which the subscriber begins, when it may know of those that were trimmed;
    /// `nil` when it begins elsewhere.
    var firstKept: EventID?
    /// The thread's last event; 0 when there is none that the subscriber may know of.
    var end: UInt64
    /// The user whose thread it is, whether or not the subscriber may read it; `nil` when the thread has no event.
    var owner: UserID?
    /// The rights by which the subscriber may read the thread; `nil` when it may not, or the thread has no event.
    var rights: RightsAnswer?
    /// The event that the consumer had acknowledged before; `nil` for none.
    var acknowledged: EventID?
}
