import AgentEvents
import Logging
import NIOCore

/// One client's connection: its subscriptions and what it emits. Confined to its event loop.
///
/// ``RequestOrderStateMachine`` decides when a request is carried out. What a session does away from the loop (reading the
/// log, running contexts) goes to workers as one job at a time: one page, one batch of emissions. So a connection costs its
/// outbound watermark and one page, whatever it asks for.
final class StreamSession {
    let principal: Principal
    let services: StreamServices
    let loop: LoopDelivery.Handle
    let output: any StreamOutput
    private let connection: ConnectionID
    /// In the order of their subscription.
    private var subscriptions: [StreamSubscription] = []
    /// Those that want to read a page.
    var replays = ReplayQueue()
    /// What waits, and for what.
    var order: RequestOrderStateMachine<ReceivedRequest>
    var emissions: StreamEmissions
    /// On their way to the client, part by part.
    var snapshotWrites: [SnapshotWrite] = []
    var isWritingSnapshots = false
    /// Whether the client has emitted something.
    var hasEmitted = false
    private(set) var isEnded = false

    init(
        _ connection: ConnectionID,
        principal: Principal,
        services: StreamServices,
        loop: LoopDelivery.Handle,
        output: any StreamOutput
    ) {
        self.connection = connection
        self.principal = principal
        self.services = services
        self.loop = loop
        self.output = output
        emissions = StreamEmissions()
        order = RequestOrderStateMachine(maximumFollowedCount: services.limits.maximumSubscriptions)
    }

    // MARK: Life

    func begin() {
        services.metrics.connected()
        services.delivery.sessions.didBegin()
        loop.onLoop.add(self, on: loop, every: services.limits.sweepMilliseconds)
        send(
            .welcome(
                Welcome(
                    connection: connection,
                    user: principal.user,
                    heartbeatMilliseconds: Int64(services.limits.heartbeatMilliseconds),
                    limits: WelcomeLimits(
                        maximumMessageByteCount: services.limits.maximumMessageByteCount,
                        maximumEventByteCount: services.runtime.configuration.maximumEventByteCount,
                        maximumBatchEvents: services.limits.maximumBatchEvents,
                        maximumSubscriptions: services.limits.maximumSubscriptions,
                        maximumTextByteCount: services.runtime.configuration.maximumMessageByteCount),
                    expiresAt: principal.expiresAt)))
        output.flush()
        // Upgraded at the last moment.
        if let spread = loop.onLoop.spread {
            drain(reconnectMilliseconds: spread.milliseconds(0, of: 1, fraction: services.environment.randomFraction()))
        }
        if loop.onLoop.isClosing { goAway(waitsForAnswers: true) }
    }

    /// The connection is gone. Work under way finishes and finds nobody to tell.
    func end() {
        guard !isEnded else { return }
        isEnded = true
        services.metrics.disconnected()
        for subscription in subscriptions { forget(subscription) }
        subscriptions = []
        replays.removeAll()
        snapshotWrites = []
        order.end()
        loop.onLoop.remove(self, on: loop)
        if hasEmitted { services.outsideEmitters.didEndEmitting() }
        services.delivery.sessions.didEnd()
    }

    private func forget(_ subscription: StreamSubscription) {
        subscription.end()
        services.metrics.unsubscribed()
        if subscription.isAttached, let key = consumerKey(of: subscription) { services.consumers?.detach(key) }
        if loop.onLoop.remove(subscription) { services.delivery.stopListening(to: subscription.thread, on: loop) }
    }

    /// The service is about to stop. What has not begun to look a place up is refused from now on.
    func drain(reconnectMilliseconds: Int64) {
        output.drain(reconnectMilliseconds: reconnectMilliseconds)
        carryOutNext()
        output.flush()
    }

    /// The service stops.
    ///
    /// - Parameter waitsForAnswers: whether what the client has asked for is answered before.
    func goAway(waitsForAnswers: Bool) {
        output.leave(isIdle: order.isIdle || !waitsForAnswers)
        guard !isEnded else { return }
        carryOutNext()
        output.flush()
    }

    func sweep(elapsed milliseconds: UInt32) { output.sweep(elapsed: milliseconds) }

    // MARK: Requests

    /// A message of the client's.
    ///
    /// - Parameter byteCount: the size of the message.
    func receive(_ message: ClientMessage, byteCount: Int) {
        guard !isEnded else { return }
        switch message.operation {
        case .subscribe(let request):
            let kind: RequestOrder.Kind = request.snapshot == .never ? .subscribe : .subscribeWithSnapshot
            receive(kind, of: request.thread, message, byteCount)
        case .unsubscribe(let thread):
            receive(.unsubscribe, of: thread, message, byteCount)
        case .acknowledge(let thread, _):
            receive(.acknowledge, of: thread, message, byteCount)
        case .emit(let request):
            receive(.emit, of: request.thread, message, byteCount)
        case .ping:
            send(.pong(message.tag))
        case .pong:
            break
        }
    }

    private func receive(_ kind: RequestOrder.Kind, of thread: ThreadID, _ message: ClientMessage, _ byteCount: Int) {
        let request = ReceivedRequest(message: message, byteCount: byteCount, isInTime: output.takesEmissions)
        switch order.receive(kind, of: thread, byteCount: byteCount, request) {
        case .start(let start): carryOut(start)
        case .wait: break
        }
        carryOutNext()
    }

    /// Carries out everything that may begin now. To be called after whatever the order was told.
    func carryOutNext() {
        // A connection that takes no subscriptions any longer refuses them at once.
        while !isEnded, let start = order.next(startsSnapshots: output.isWritable || !output.takesSubscriptions) {
            carryOut(start)
        }
        guard !isEnded else { return }
        if emissions.isIdle { loop.onLoop.stopAwaiting(self, on: loop) }
        if order.isIdle { output.becameIdle() }
        output.resumeReading()
    }

    private func carryOut(_ start: RequestOrder.Start) {
        let tag = start.request.message.tag
        do throws(ProtocolError) {
            switch start.request.message.operation {
            case .subscribe(let request):
                try subscribe(request, tag, exceedsLimit: start.exceedsLimit)
            case .unsubscribe(let thread):
                try unsubscribe(from: thread, tag)
            case .acknowledge(let thread, let cursor):
                try acknowledge(thread, cursor)
            case .emit(let request):
                try emit(request, start.request)
            case .ping, .pong:
                break
            }
        } catch {
            send(.error(error.answering(tag)))
            order.refused(start, isFollowed: subscriptions.contains { $0.thread == start.thread })
        }
    }

    private func subscribe(
        _ request: SubscribeRequest,
        _ tag: RequestTag?,
        exceedsLimit: Bool
    ) throws(ProtocolError) {
        let thread = request.thread
        guard principal.scopes.contains(.read) else {
            throw ProtocolError(.scopeMissing, "reading takes the scope read", thread: thread)
        }
        guard output.takesSubscriptions else { throw .stopsSubscriptions(to: thread) }
        guard !subscriptions.contains(where: { $0.thread == thread }) else {
            throw ProtocolError(
                .subscriptionExists, "this connection follows \(thread) already; unsubscribe first to start elsewhere",
                thread: thread)
        }
        guard !exceedsLimit else {
            throw ProtocolError(
                .tooManySubscriptions,
                "a connection follows at most \(services.limits.maximumSubscriptions) threads; unsubscribe from one, or "
                    + "open another connection", thread: thread)
        }
        try checkConsumer(request)
        let part = loop.onLoop.thread(thread)
        let subscription = StreamSubscription(request, loopThread: part.thread, session: self)
        part.thread.add(subscription)
        subscriptions.append(subscription)
        services.metrics.subscribed()
        // First listen, then look up: what is committed in between reaches the loop.
        if part.isNew { part.thread.listens(behind: services.delivery.listen(to: thread, on: loop)) }
        guard lookUp(subscription, request, tag) else {
            subscriptions.removeLast()
            forget(subscription)
            throw .stopsSubscriptions(to: thread)
        }
    }

    /// - Returns: whether it is looked up; not when nothing is any longer.
    private func lookUp(_ subscription: StreamSubscription, _ request: SubscribeRequest, _ tag: RequestTag?) -> Bool {
        let job = SubscriptionLookUp(
            request: request, principal: principal, pages: services.pages, consumers: services.consumers,
            snapshots: services.snapshots, generation: services.runtime.generation)
        let session = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let subscription = NIOLoopBound(subscription, eventLoop: loop.eventLoop)
        let eventLoop = loop.eventLoop
        let takesSnapshot = request.snapshot != .never
        let workers = takesSnapshot ? services.snapshotReaders : services.readers
        return workers.submit {
            let outcome = await job.run()
            eventLoop.execute {
                session.value.didLookUp(subscription.value, outcome, tag, takesSnapshot: takesSnapshot)
            }
        }
    }

    private func didLookUp(
        _ subscription: StreamSubscription,
        _ outcome: Result<SubscriptionLookUp.Found, EventLogError>,
        _ tag: RequestTag?,
        takesSnapshot: Bool
    ) {
        guard !isEnded, has(subscription) else {
            // The connection has ended before the place was found: nothing else ends a subscription that is looked up.
            if case .success = outcome, let key = consumerKey(of: subscription) { services.consumers?.detach(key) }
            return
        }
        switch outcome {
        case .success(let found):
            subscription.isAttached = subscription.consumer != nil
            send(.subscribed(tag, subscription.thread, after: found.opened.cursor, head: found.head))
            if let reset = found.reset {
                services.metrics.resets(reset)
                send(.reset(subscription.thread, reset, oldest: found.oldest))
            }
            subscription.located(found.opened)
            if let snapshot = found.snapshot {
                write(snapshot, to: subscription, then: .begin)
            } else {
                if takesSnapshot { order.snapshotEnded() }
                subscription.begin()
            }
        case .failure(let error):
            subscriptions.removeAll { $0 === subscription }
            forget(subscription)
            send(.error(ProtocolError(error, thread: subscription.thread).answering(tag)))
            if takesSnapshot { order.snapshotEnded() }
        }
        order.lookedUp(subscription.thread, isFollowed: has(subscription))
        carryOutNext()
        readNext()
        output.flush()
    }

    private func unsubscribe(from thread: ThreadID, _ tag: RequestTag?) throws(ProtocolError) {
        guard let index = subscriptions.firstIndex(where: { $0.thread == thread }) else {
            throw ProtocolError(
                .subscriptionUnknown, "this connection does not follow \(thread)", thread: thread)
        }
        let subscription = subscriptions.remove(at: index)
        replays.remove(subscription)
        dropSnapshots(of: subscription)
        forget(subscription)
        send(.unsubscribed(tag, thread))
    }

    private func acknowledge(_ thread: ThreadID, _ cursor: Cursor) throws(ProtocolError) {
        guard let subscription = subscriptions.first(where: { $0.thread == thread }) else {
            throw ProtocolError(
                .subscriptionUnknown, "this connection does not follow \(thread)", thread: thread)
        }
        let before = subscription.acknowledgedSequence
        let action = try subscription.acknowledge(cursor) { () throws(ProtocolError) in
            guard let key = consumerKey(of: subscription), let consumers = services.consumers else { return }
            guard consumers.acknowledge(key, cursor) else {
                throw ProtocolError(
                    .acknowledgementNotStored, "acknowledgements cannot be stored at the moment; try again later",
                    isRetryable: true, thread: thread)
            }
        }
        switch action {
        case .none: break
        case .accept:
            services.metrics.acknowledged(Int(clamping: Int64(cursor.sequence) - Int64(before)))
        case .rejectNotSent:
            throw ProtocolError(
                .acknowledgementNotSent, "the event \(cursor) was not sent on this connection: acknowledge what was",
                path: "$.cursor", thread: thread)
        }
    }

    /// The subscription as others may know of it.
    func subscriber(_ subscription: StreamSubscription) -> Subscriber? {
        subscription.subscriber(connection, principal.user)
    }

    // MARK: Replay

    /// In the middle of a commit: the read begins when the loop comes to flush.
    func wantsToRead(_ subscription: StreamSubscription, written: inout [StreamSession]) {
        wantsToRead(subscription)
        markWritten(&written)
    }

    /// Whether the subscription has not ended.
    func has(_ subscription: StreamSubscription) -> Bool { subscriptions.contains { $0 === subscription } }

    func writabilityChanged() {
        writeSnapshots()
        carryOutNext()
        readNext()
        output.flush()
    }

    /// Events that the subscription had yet to read are not to be had any more.
    func subscription(_ subscription: StreamSubscription, isTrimmedUpTo trim: ReadTrim) {
        services.metrics.resets(.trimmed)
        send(.reset(subscription.thread, .trimmed, oldest: trim.oldest))
    }

    /// The subscription has caught up for the first time.
    func subscription(_ subscription: StreamSubscription, isLiveAt cursor: EventID?) {
        send(.live(subscription.thread, cursor: cursor))
    }

    /// Whether the subscriber may read a thread that belongs to somebody.
    func mayRead(_ thread: ThreadID, owner: UserID) -> Bool { principal.mayRead(thread, owner: owner) }

    // MARK: Output

    private var hasPendingWrites = false

    var isWritable: Bool { output.isWritable }

    /// Whether so much may be written at a time; it comes page by page otherwise.
    func mayWrite(byteCount: Int) -> Bool {
        output.isWritable && byteCount <= services.limits.maximumWriteByteCount
    }

    func send(_ message: ServerMessage) { output.write(message.encoded()) }

    func write(_ frames: ByteBuffer) { output.write(frames: frames) }

    func flush() { output.flush() }

    func close(_ code: WebSocketCloseCode, reason: String) { output.close(code, reason: reason) }

    /// Writes a commit's frames; the loop flushes once for all that the commit brought.
    func write(_ frames: ByteBuffer, written: inout [StreamSession]) {
        output.write(frames: frames)
        markWritten(&written)
    }

    func markWritten(_ written: inout [StreamSession]) {
        guard !hasPendingWrites else { return }
        hasPendingWrites = true
        written.append(self)
    }

    func flushWritten() {
        hasPendingWrites = false
        readNext()
        output.flush()
    }
}
