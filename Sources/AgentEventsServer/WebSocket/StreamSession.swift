import AgentEvents
import Logging
import NIOCore

/// One client's connection: its subscriptions and what it emits. Confined to its event loop.
///
/// What it does away from the loop (reading the log, running contexts) goes to workers as one job at a time: one page,
/// one batch of emissions. So a connection costs its outbound watermark and one page, whatever it asks for.
final class StreamSession {
    let principal: Principal
    let services: StreamServices
    let loop: LoopDelivery.Handle
    private let output: any StreamOutput
    /// In the order of their subscription.
    private var subscriptions: [StreamSubscription] = []
    /// Those that want to read a page, in the order of their turns.
    private var readQueue: [StreamSubscription] = []
    private var isReading = false
    private var emissions: StreamEmissions
    private var isEnded = false

    init(principal: Principal, services: StreamServices, loop: LoopDelivery.Handle, output: any StreamOutput) {
        self.principal = principal
        self.services = services
        self.loop = loop
        self.output = output
        emissions = StreamEmissions()
    }

    // MARK: Life

    func begin(_ connection: ConnectionID) {
        loop.onLoop.add(self, on: loop)
        send(
            .welcome(
                Welcome(
                    connection: connection,
                    user: principal.user,
                    heartbeatMilliseconds: services.limits.heartbeatMilliseconds,
                    limits: WelcomeLimits(
                        maximumMessageByteCount: services.limits.maximumMessageByteCount,
                        maximumEventByteCount: services.runtime.configuration.maximumEventByteCount,
                        maximumBatchEvents: services.limits.maximumBatchEvents,
                        maximumSubscriptions: services.limits.maximumSubscriptions),
                    expiresAt: principal.expiresAt)))
        output.flush()
    }

    /// The connection is gone. Work under way finishes and finds nobody to tell.
    func end() {
        guard !isEnded else { return }
        isEnded = true
        for subscription in subscriptions { forget(subscription) }
        subscriptions = []
        readQueue = []
        loop.onLoop.remove(self, on: loop)
    }

    private func forget(_ subscription: StreamSubscription) {
        subscription.end()
        if loop.onLoop.remove(subscription) { services.delivery.stopListening(to: subscription.thread, on: loop) }
    }

    /// The service goes away.
    func goAway() { output.close(.goingAway, reason: "the server is going away") }

    func heartbeat() {
        guard !output.takeHasWritten() else { return }
        send(.ping)
        output.flush()
    }

    // MARK: Requests

    /// A message of the client's.
    ///
    /// - Throws: ``ProtocolError``, without the request's tag.
    func receive(_ message: ClientMessage) throws(ProtocolError) {
        switch message.operation {
        case .subscribe(let thread, let start):
            try subscribe(to: thread, from: start, message.tag)
        case .unsubscribe(let thread):
            try unsubscribe(from: thread, message.tag)
        case .emit(let request):
            try emit(request, message.tag)
        case .ping:
            send(.pong(message.tag))
        case .pong:
            break
        }
    }

    private func subscribe(to thread: ThreadID, from start: StartPosition, _ tag: RequestTag?) throws(ProtocolError) {
        guard principal.scopes.contains(.read) else {
            throw ProtocolError(.scopeMissing, "reading takes the scope read", thread: thread)
        }
        guard !subscriptions.contains(where: { $0.thread == thread }) else {
            throw ProtocolError(
                .subscriptionExists, "this connection follows \(thread) already; unsubscribe first to start elsewhere",
                thread: thread)
        }
        guard subscriptions.count < services.limits.maximumSubscriptions else {
            throw ProtocolError(
                .tooManySubscriptions,
                "a connection follows at most \(services.limits.maximumSubscriptions) threads; unsubscribe from one, or "
                    + "open another connection", thread: thread)
        }
        let part = loop.onLoop.thread(thread)
        let subscription = StreamSubscription(thread: thread, loopThread: part.thread, session: self)
        part.thread.add(subscription)
        subscriptions.append(subscription)
        // First listen, then look up: what is committed in between reaches the loop.
        if part.isNew { services.delivery.listen(to: thread, on: loop) }
        lookUp(subscription, start, tag)
    }

    private func lookUp(_ subscription: StreamSubscription, _ start: StartPosition, _ tag: RequestTag?) {
        let job = SubscriptionLookUp(
            thread: subscription.thread, start: start, principal: principal, log: services.runtime.log)
        let session = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let subscription = NIOLoopBound(subscription, eventLoop: loop.eventLoop)
        let eventLoop = loop.eventLoop
        services.readers.submit {
            let outcome = await job.run()
            eventLoop.execute { session.value.didLookUp(subscription.value, outcome, tag) }
        }
    }

    private func didLookUp(
        _ subscription: StreamSubscription,
        _ outcome: Result<SubscriptionLookUp.Found, EventLogError>,
        _ tag: RequestTag?
    ) {
        guard !isEnded, subscriptions.contains(where: { $0 === subscription }) else { return }
        switch outcome {
        case .success(let found):
            send(.subscribed(tag, subscription.thread, after: found.opened.cursor, head: found.head))
            if let reason = found.reset { send(.reset(subscription.thread, reason, oldest: found.oldest)) }
            subscription.opened(found.opened)
        case .failure(let error):
            subscriptions.removeAll { $0 === subscription }
            forget(subscription)
            send(.error(ProtocolError(error, thread: subscription.thread).answering(tag)))
        }
        readNext()
        output.flush()
    }

    private func unsubscribe(from thread: ThreadID, _ tag: RequestTag?) throws(ProtocolError) {
        guard let index = subscriptions.firstIndex(where: { $0.thread == thread }) else {
            throw ProtocolError(
                .subscriptionUnknown, "this connection does not follow \(thread)", thread: thread)
        }
        let subscription = subscriptions.remove(at: index)
        readQueue.removeAll { $0 === subscription }
        forget(subscription)
        send(.unsubscribed(tag, thread))
    }

    // MARK: Replay

    /// Replays are read one page at a time, the subscriptions in turn.
    func wantsToRead(_ subscription: StreamSubscription) {
        if !readQueue.contains(where: { $0 === subscription }) { readQueue.append(subscription) }
    }

    func writabilityChanged() {
        readNext()
        output.flush()
    }

    private func readNext() {
        while !isReading, output.isWritable, !readQueue.isEmpty {
            let subscription = readQueue.removeFirst()
            if let after = subscription.startReading() { read(subscription, after: after) }
        }
    }

    private func read(_ subscription: StreamSubscription, after: UInt64) {
        isReading = true
        let job = PageRead(
            thread: subscription.thread, after: after, byteCount: services.limits.pageByteCount,
            log: services.runtime.log)
        let session = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let subscription = NIOLoopBound(subscription, eventLoop: loop.eventLoop)
        let eventLoop = loop.eventLoop
        services.readers.submit {
            let outcome = await job.run()
            eventLoop.execute { session.value.didRead(subscription.value, outcome) }
        }
    }

    private func didRead(_ subscription: StreamSubscription, _ outcome: Result<PageRead.Page, EventLogError>) {
        isReading = false
        guard !isEnded else { return }
        switch outcome {
        case .success(let page):
            if let trim = page.trim { send(.reset(subscription.thread, .trimmed, oldest: trim.oldest)) }
            subscription.didRead(page)
            readNext()
            output.flush()
        case .failure(let error):
            // Nothing can be promised about this thread any more; the client comes back with its cursor.
            services.logger.error("page not read", metadata: ["error.code": "\(error.code)"])
            output.close(.internalError, reason: error.message)
        }
    }

    /// The subscription has caught up for the first time.
    func subscription(_ subscription: StreamSubscription, isLiveAt cursor: EventID?) {
        send(.live(subscription.thread, cursor: cursor))
    }

    /// Whether the subscriber may read a thread that belongs to somebody.
    func mayRead(_ thread: ThreadID, owner: UserID) -> Bool { principal.mayRead(thread, owner: owner) }

    // MARK: Emissions

    private func emit(_ request: EmitRequest, _ tag: RequestTag?) throws(ProtocolError) {
        guard principal.mayEmit(in: request.thread, as: request.user ?? principal.user) else {
            throw ProtocolError(.scopeMissing, "emitting in this thread takes the scope emit", thread: request.thread)
        }
        // Before the emission, so that the loop is told of its commit.
        loop.onLoop.await(self, on: loop)
        emissions.enqueue(request, tag)
        emitNext()
    }

    /// Whether so much waits to be emitted that nothing further is read from the client.
    var isOverloaded: Bool { emissions.queuedCount >= services.limits.maximumQueuedEmissions }

    private func emitNext() {
        guard let batch = emissions.takeBatch() else { return }
        let job = EmissionBatch(requests: batch, principal: principal, runtime: services.runtime)
        let session = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let eventLoop = loop.eventLoop
        services.emitters.submit {
            let replies = await job.run()
            eventLoop.execute { session.value.didEmit(replies) }
        }
    }

    private func didEmit(_ replies: [EmissionReply]) {
        emissions.didEmit(replies)
        guard !isEnded else { return }
        emitNext()
        sendReplies()
        output.flush()
        output.resumeReading()
    }

    /// A commit reached the loop; replies to what it holds can go out.
    func didCommit(upTo position: UInt64, written: inout [StreamSession]) {
        if sendReplies() { markWritten(&written) }
    }

    @discardableResult
    private func sendReplies() -> Bool {
        let replies = emissions.takeReplies(upTo: loop.onLoop.committedPosition)
        for reply in replies { send(reply) }
        if emissions.isIdle { loop.onLoop.stopAwaiting(self, on: loop) }
        return !replies.isEmpty
    }

    func logFailed(_ error: EventLogError) {
        for reply in emissions.failReplies(error) { send(reply) }
        output.flush()
    }

    // MARK: Output

    private var hasPendingWrites = false

    var isWritable: Bool { output.isWritable }

    func send(_ message: ServerMessage) { output.write(message.encoded()) }

    func write(_ frames: ByteBuffer) { output.write(frames: frames) }

    /// Writes a commit's frames; the loop flushes once for all that the commit brought.
    func write(_ frames: ByteBuffer, written: inout [StreamSession]) {
        output.write(frames: frames)
        markWritten(&written)
    }

    private func markWritten(_ written: inout [StreamSession]) {
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
