package import AgentEvents
package import AgentEventsProtocol

/// Decides everything about a stream: its connections, one after the other, the threads that are followed over it, and
/// the messages that are sent. Where a decision is about the connection or about one thread alone,
/// ``ReconnectStateMachine``, ``FollowerStateMachine``, ``FollowerAcknowledgementStateMachine`` and ``Inbox`` decide.
///
/// When the inbox of a thread is full, nothing is read from the connection for a moment. If its reader has not made
/// room until then, the client unsubscribes from the thread, so that the other threads are not delayed; it subscribes
/// again, after the last event in the inbox, when half of the inbox was read. Events that are still on their way when a
/// subscription ends are ignored: they come again.
///
///     connecting ── welcome ──> catchingUp <──> live     (live: the history of every thread has arrived)
///       ^    │                      │            │
///       │    └─────────────┬────────┴────────────┘
///       │                  v connection lost
///       └─ pause over ─ waiting
///
///     refused: the service refused the client for good
///
/// The file is long because all inputs meet in one private state; the treatment of refusals has a file of its own.
package struct StreamStateMachine: Sendable {
    private let backoff: ReconnectBackoff
    private let limits: InboxLimits
    /// Whether the next connection has another token.
    private let hasTokenProvider: Bool
    var reconnect: ReconnectStateMachine
    var followed = FollowedThreads()
    /// Threads whose `unsubscribe` has no answer yet, and its tag. Messages about them belong to an old subscription.
    var leaving: [ThreadID: Int64] = [:]
    /// The thread whose inbox is full, while its reader is waited for.
    private var crowded: ThreadID?
    private var outgoing: [ClientMessage] = []
    private var lastRequest: Int64 = 0
    private var lastNumber = 0
    private var refusal: AgentEventsClientError?
    private var pause: (Duration, AgentEventsClientError)?
    /// Counts the inputs, so that the states that readers are told can be put in order.
    package private(set) var version = 0

    package init(
        backoff: ReconnectBackoff = ReconnectBackoff(),
        limits: InboxLimits = InboxLimits(),
        hasTokenProvider: Bool = false
    ) {
        self.hasTokenProvider = hasTokenProvider
        self.backoff = backoff
        self.limits = limits
        reconnect = ReconnectStateMachine(backoff: backoff)
    }

    package var state: ClientState {
        if let refusal { return .refused(refusal) }
        if let pause { return .waiting(pause: pause.0, pause.1) }
        guard reconnect.phase == .open else { return .connecting }
        return followed.unsettledCount == 0 ? .live : .catchingUp
    }

    // MARK: The connection

    /// The first attempt, or the one after a pause.
    package mutating func connect() -> ReconnectStateMachine.ConnectAction {
        version += 1
        pause = nil
        return reconnect.connect()
    }

    /// The connection ended, or could not be opened.
    ///
    /// - Parameter random: 0 up to, not including, 1.
    package mutating func disconnected(
        _ error: AgentEventsClientError,
        random: Double
    ) -> (ReconnectStateMachine.DisconnectAction, StreamActions) {
        version += 1
        var actions = StreamActions()
        outgoing = []
        leaving = [:]
        crowded = nil
        // The last word of the service counts: it may have said the same before, or another time.
        if let delay = error.reconnectDelay { reconnect.drain(for: delay) }
        let action = reconnect.disconnected(
            isRetryable: error.isRetryable,
            isRetryableOnce: hasTokenProvider && error.isUnauthenticated,
            minimumPause: error.retryAfter ?? .zero, random: random)
        for thread in followed.inOrder {
            switch action {
            case .pause(let pause):
                followed.update(thread) { followed in
                    followed.subscription.disconnected()
                    followed.acknowledgement.refused()
                    if followed.error == nil { followed.inbox.append(.interrupted(error, pause: pause)) }
                }
            case .refuse:
                fail(thread, error)
            case .stop:
                break
            }
            wake(thread, &actions)
        }
        switch action {
        case .pause(let time): pause = (time, error)
        case .refuse: refusal = error
        case .stop: break
        }
        return (action, actions)
    }

    /// The user of the stream is done with it.
    ///
    /// - Returns: whether there is a connection to say goodbye on: what ``takeOutgoing()`` returns next is the last.
    package mutating func close() -> Bool {
        version += 1
        return reconnect.close()
    }

    package var isClosed: Bool { reconnect.phase == .closed }

    // MARK: Messages to the service

    package var hasOutgoing: Bool { !outgoing.isEmpty }

    /// Takes the messages to send, in order.
    package mutating func takeOutgoing() -> [ClientMessage] {
        defer { outgoing = [] }
        return outgoing
    }

    private mutating func nextRequest() -> Int64 {
        lastRequest += 1
        return lastRequest
    }

    /// Asks for a thread if it is time for that.
    private mutating func subscribe(to thread: ThreadID) {
        guard reconnect.phase == .open, leaving[thread] == nil else { return }
        guard followed.update(thread, { $0.subscription.subscribe() }) == true else { return }
        let request = nextRequest()
        followed.update(thread) { $0.subscribeRequest = request }
        // The bytes of the log, without merged fragments, also while this reader catches up.
        let subscribe = SubscribeRequest(
            thread: thread, start: followed[thread]?.subscription.position, consumer: followed[thread]?.consumer,
            merges: false)
        outgoing.append(ClientMessage(tag: RequestTag(number: request), .subscribe(subscribe)))
    }

    /// Ends a subscription on the wire. Acknowledgements go first: the service takes them from subscribers only.
    mutating func unsubscribe(from thread: ThreadID, wasFollowing: Bool = true) {
        if wasFollowing { acknowledgeAll(of: thread) }
        let request = nextRequest()
        leaving[thread] = request
        outgoing.append(ClientMessage(tag: RequestTag(number: request), .unsubscribe(thread)))
    }

    private mutating func acknowledgeAll(of thread: ThreadID) {
        followed.update(thread) { $0.acknowledgement.becomeDue() }
        sendAcknowledgement(of: thread)
    }

    private mutating func sendAcknowledgement(of thread: ThreadID) {
        guard reconnect.phase == .open else { return }
        followed.update(thread) { followed in
            if let cursor = followed.acknowledgement.takeDue() {
                outgoing.append(
                    ClientMessage(
                        tag: RequestTag(number: followed.acknowledgementRequest), .acknowledge(thread, cursor: cursor)))
            }
        }
    }

    // MARK: Messages from the service

    /// - Parameter random: 0 up to, not including, 1.
    package mutating func receive(_ message: ServerMessage, random: Double) -> StreamActions {
        version += 1
        var actions = StreamActions()
        switch message {
        case .welcome(let welcome):
            switch reconnect.welcome() {
            case .ignore: break
            case .reject: actions.leave = Self.misplaced("welcome")
            case .proceed:
                actions.silence = welcome.heartbeatMilliseconds.map { Duration.milliseconds($0) * 2 }
                for thread in followed.inOrder { subscribe(to: thread) }
            }
        case .ping:
            let pong = ClientMessage(.pong)
            if !outgoing.contains(pong) { outgoing.append(pong) }
        case .drain(let milliseconds):
            reconnect.drain(for: .milliseconds(milliseconds))
        case .error(let error):
            refused(error, random: random, &actions)
        case .event(let event):
            about(event.threadID, random: random, &actions) { $0.received(event) }
        case .subscribed(_, let thread, let after, _):
            let position = followed[thread]?.subscription.position
            about(thread, random: random, &actions) { $0.subscribed(after: after) }
            guard actions.leave == nil, leaving[thread] == nil else { break }
            // It begins elsewhere than asked for: a reset is on its way, and acknowledgements of the old history are
            // void.
            if case .after(let cursor)? = position, after != cursor {
                followed.update(thread) { $0.acknowledgement.reset() }
            } else {
                acknowledgeAll(of: thread)
            }
        case .live(let thread, let cursor):
            about(thread, random: random, &actions) { $0.live(cursor) }
        case .reset(let thread, let reason, _):
            about(thread, random: random, &actions) { $0.reset(reason, random: random) }
        case .unsubscribed(_, let thread, let code):
            if let code, leaving[thread] == nil {
                forbidden(thread, code, &actions)
            } else {
                left(thread, &actions)
            }
        case .snapshot, .snapshotPart, .emitted, .accepted, .refreshed, .expiring, .pong, .membersChanged, .watching,
            .threads, .unwatched, .serving, .run, .renewed, .cancel,
            .other:
            break
        }
        return actions
    }

    private mutating func about(
        _ thread: ThreadID,
        random: Double,
        _ actions: inout StreamActions,
        _ input: (inout FollowerStateMachine) -> FollowerStateMachine.ReceiveAction
    ) {
        switch reconnect.validateThreadMessage() {
        case .ignore: return
        case .reject:
            actions.leave = Self.misplaced("message about thread \(thread)")
            return
        case .proceed: break
        }
        guard leaving[thread] == nil else { return }
        guard let action = followed.update(thread, { input(&$0.subscription) }) else {
            actions.leave = Self.misplaced("message about thread \(thread)")
            return
        }
        switch action {
        case .ignore:
            break
        case .deliver(let element):
            reconnect.progressed()
            let isFull = followed.update(thread) { followed in
                followed.inbox.append(element)
                return followed.inbox.isFull
            }
            wake(thread, &actions)
            if isFull == true {
                crowded = thread
                actions.awaitsRoom = true
            }
        case .restart(let reason):
            followed.update(thread) { followed in
                followed.acknowledgement.reset()
                followed.inbox.append(.reset(reason))
            }
            wake(thread, &actions)
            actions.needsTime = true
            unsubscribe(from: thread, wasFollowing: false)
        case .reject(let error):
            actions.leave = error
        }
    }

    /// An `unsubscribe` was answered.
    mutating func left(_ thread: ThreadID, _ actions: inout StreamActions) {
        switch reconnect.validateThreadMessage() {
        case .ignore: break
        case .reject: actions.leave = Self.misplaced("message about thread \(thread)")
        case .proceed:
            guard leaving.removeValue(forKey: thread) != nil else {
                actions.leave = Self.misplaced("message about thread \(thread)")
                return
            }
            subscribe(to: thread)
        }
    }

    private static func misplaced(_ what: String) -> AgentEventsClientError {
        AgentEventsClientError(.protocolViolation, "the service sent a \(what) that does not belong here")
    }

    // MARK: Time

    /// Whether to call ``advance(by:)``.
    package var needsTime: Bool {
        guard reconnect.phase == .open else { return false }
        return followed.contains { followed in
            switch followed.subscription.phase {
            case .waiting: true
            case .following: followed.acknowledgement.isPending
            case .idle, .subscribing, .paused, .over: false
            }
        }
    }

    /// This much time went by.
    package mutating func advance(by time: Duration) {
        version += 1
        for thread in followed.inOrder {
            if followed.update(thread, { $0.subscription.advance(by: time) }) == true { subscribe(to: thread) }
            if case .following? = followed.phase(of: thread) { acknowledgeAll(of: thread) }
        }
    }

    // MARK: Room

    /// Whether there is no, or no longer a, slow reader to wait for.
    package var hasRoom: Bool {
        guard let crowded else { return true }
        return followed[crowded]?.inbox.hasRoom ?? true
    }

    /// A slow reader was waited for, and there is room or there is none.
    package mutating func stopAwaitingRoom() {
        version += 1
        guard let thread = crowded else { return }
        let isSlow = !hasRoom
        crowded = nil
        if isSlow, followed.update(thread, { $0.subscription.filled() }) == true { unsubscribe(from: thread) }
    }

    // MARK: Followers

    /// Begins to follow a thread.
    ///
    /// - Returns: the follower's number.
    /// - Throws: `client.already_following` when somebody follows the thread over this stream.
    package mutating func follow(
        _ thread: ThreadID,
        from start: StartPosition?,
        consumer: ConsumerName?
    ) throws(AgentEventsClientError) -> Int {
        version += 1
        guard followed[thread] == nil else {
            throw AgentEventsClientError(
                .alreadyFollowing,
                "somebody follows \(thread) over this stream already; a thread has one reader at a time")
        }
        lastNumber += 1
        let subscription = FollowerStateMachine(thread: thread, start: start, backoff: backoff)
        followed.insert(
            thread,
            FollowedThread(
                number: lastNumber, consumer: consumer, acknowledgementRequest: nextRequest(),
                subscription: subscription, inbox: Inbox(limits: limits)))
        if let refusal { fail(thread, refusal) }
        subscribe(to: thread)
        return lastNumber
    }

    /// The follower of a thread has ended.
    package mutating func unfollow(_ thread: ThreadID, number: Int) {
        version += 1
        guard followed[thread]?.number == number else { return }
        let phase = followed.phase(of: thread)
        if followed.update(thread, { $0.subscription.end() }) == true {
            if case .following? = phase {
                unsubscribe(from: thread)
            } else {
                unsubscribe(from: thread, wasFollowing: false)
            }
        }
        followed.remove(thread)
    }

    package enum TakeAction: Sendable {
        case give(FollowedElement)
        /// Nothing there yet.
        case wait
        case fail(AgentEventsClientError)
        /// This follower has ended: nothing more will come.
        case end
    }

    /// A follower wants its next element.
    package mutating func take(_ thread: ThreadID, number: Int) -> TakeAction {
        version += 1
        guard followed[thread]?.number == number else { return .end }
        let taken = followed.update(thread) { followed -> (FollowedElement, isDrained: Bool)? in
            guard let element = followed.inbox.popFirst() else { return nil }
            switch element {
            case .event(let event): followed.acknowledgement.didDeliver(event.cursor, from: event.firstSequence)
            case .reset: followed.acknowledgement.didDeliverReset()
            case .live, .interrupted: break
            }
            return (element, followed.inbox.hasRoom && followed.subscription.drained())
        }
        guard case let (element, isDrained)?? = taken else {
            if let error = followed[thread]?.error { return .fail(error) }
            return isClosed ? .end : .wait
        }
        if isDrained { subscribe(to: thread) }
        return .give(element)
    }

    /// A follower is done with everything up to an event.
    ///
    /// - Returns: whether time counts now.
    /// - Throws: `client.not_given` when it was not given the event.
    package mutating func acknowledge(
        _ cursor: Cursor,
        of thread: ThreadID,
        number: Int
    ) throws(AgentEventsClientError) -> Bool {
        version += 1
        guard followed[thread]?.number == number else { return false }
        switch followed.update(thread, { $0.acknowledgement.acknowledge(cursor) }) {
        case nil, .ignore?:
            return false
        case .wait?:
            return true
        case .tell?:
            guard case .following? = followed.phase(of: thread) else { return false }
            sendAcknowledgement(of: thread)
            return false
        case .reject?:
            throw AgentEventsClientError(
                .cursorNotDelivered,
                "event \(cursor) of thread \(thread) cannot be acknowledged: it was not given to this reader"
            )
        }
    }

    func wake(_ thread: ThreadID, _ actions: inout StreamActions) {
        if let number = followed[thread]?.number { actions.readers.append(number) }
    }
}
