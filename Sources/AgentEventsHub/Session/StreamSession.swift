import AgentEvents
public import AgentEventsProtocol
import Logging
public import NIOCore

/// One client's connection: its subscriptions and what it emits. Confined to its event loop.
///
/// A ``StreamTransport`` is adopted by ``AgentEventsHub/adopt(_:as:on:)`` and then tells its session what comes from
/// the client, by the public methods. They are called on the event loop of the transport; anywhere else they stop the
/// process.
///
/// ``RequestOrderStateMachine`` decides when a request is carried out. What a session does away from the loop (reading
/// the log, running contexts, parsing what is large) goes to workers as one job at a time: one page, one batch of
/// emissions, one message. So a connection costs its outbound watermark and one page, whatever it asks for.
///
/// Calls go one way: transport and ``LoopDelivery`` call the session, the session calls its parts
/// (``SubscriptionStateMachine`` with its shell, ``MessageParser``, ``Emissions``, ``SessionRights``, ``SnapshotWriter``), these
/// call ``SessionOutput``, and that the transport. What a part has to say to the session is what it returns; only a
/// subscription that wants to read or to ask notes that in ``Replays`` and ``SessionRights``. The small parts are values: they
/// stand in the session itself, and a connection that only listens pays for no others. The file is long because this is where
/// all parts meet: what one of them returns, another one gets.
public final class StreamSession {
    let identity: SessionIdentity
    let services: SessionServices
    let output: SessionOutput
    /// Those that want to read a page.
    var replays = Replays()
    /// The rights that requests and subscriptions need.
    var rights = SessionRights()
    private let loop: LoopDelivery
    private let state: LoopState
    private let framing: Int
    private var subscriptions = SessionSubscriptions()
    private var parser = MessageParser()
    private var rates: MessageLimitStateMachine
    /// Requests that wait, and for what.
    private var order: RequestOrder
    /// Made with the first emission; most connections only listen.
    private var emissions: Emissions?
    /// On their way to the client, part by part.
    private var snapshots = SnapshotWriter()
    private var rareParts: RareParts?
    /// The end of the credentials; `nil` when they do not end.
    private var expiry: Expiry?
    /// The place of the session among those of its loop, and among those that wait for commits; kept by ``LoopState``.
    var place: Int?
    var awaitingPlace: Int?
    // Side by side, so that they take no more room than they need.
    /// Whether the limits on what a client and a user take from others count.
    private let isLimited: Bool
    /// Nothing is read from the client for a while: it has sent too much.
    private var isPaused = false
    /// Whether the connection counts among those of its user.
    private var isCounted: Bool
    private var isEnded = false

    /// What few connections need. It is made for those that do, since the others would pay for it with their memory.
    private final class RareParts {
        var malformed = MalformedMessageLimit()
        /// What comes after a refresh waits for it.
        var refreshes = RefreshStateMachine<ReceivedRequest>()
        /// The list of threads that the client watches, or has watched.
        var list: ThreadListFeed?
        /// The client as a worker; `nil` for one that is none.
        var worker: SessionWorker?
    }

    private final class Expiry {
        var machine: ExpiryStateMachine
        var nextCheck: Scheduled<Void>?

        init(end: Int64, at now: Int64) { machine = ExpiryStateMachine(end: end, at: now) }
    }

    init(
        _ transport: any StreamTransport,
        _ connection: ConnectionID,
        principal: Principal,
        services: SessionServices,
        loop: LoopDelivery,
        isCounted: Bool = false
    ) {
        self.isCounted = isCounted
        identity = SessionIdentity(
            connection, principal, access: services.access, clock: loop.state.clock,
            environment: services.runtime.environment)
        self.services = services
        self.loop = loop
        state = loop.state
        output = SessionOutput(transport, services: services)
        framing = services.delivery.number(of: output.framing)
        order = RequestOrderStateMachine(maximumFollowedCount: services.limits.maximumSubscriptions)
        // The application's own code is trusted with its process.
        isLimited = !(transport is InProcessTransport)
        rates = MessageLimitStateMachine(
            isLimited ? services.rates(isEmitter: principal.scopes.contains(.emit)) : .none)
    }

    // MARK: Life

    func begin() {
        services.metrics.connected(output.framing)
        services.delivery.sessions.didBegin()
        output.welcomed()
        guard settleAccess() else { return }
        if isLimited, !isCounted {
            if let refusal = services.usage.connect(identity.principal.user) {
                output.send(.error(refusal))
                return close(.limits, reason: "\(refusal.code): \(refusal.message)")
            }
            isCounted = true
        }
        beginExpiry()
        output.announceReturn(afterMilliseconds: services.reconnectMilliseconds(among: state.sessions.count))
        output.send(.welcome(services.welcome(identity)))
        output.flush()
        // It came at the last moment.
        if let spread = services.delivery.spread {
            drain(
                reconnectMilliseconds: spread.milliseconds(
                    0, of: 1, fraction: services.runtime.environment.randomFraction()))
        }
        if services.delivery.isClosing { goAway(waitsForAnswers: true) }
    }

    /// Follows a thread for a client that can say nothing: the first request of a ``OneWayTransport``, and the last one. The
    /// connection ends with the subscription.
    package func follow(_ request: SubscribeRequest) {
        checkLoop()
        guard !isEnded else { return }
        precondition(output.isOneWay, "other clients ask for what they follow by themselves")
        receive(
            ReceivedRequest(
                message: ClientMessage(.subscribe(request)), byteCount: 0, isInTime: output.takesEmissions))
        output.flush()
    }

    /// A subscription has ended, or has not begun, and the client did not ask for that.
    ///
    /// - Parameter mayReturn: whether another connection may fare better.
    private func subscriptionEnded(_ code: ProtocolError.Code, mayReturn: Bool = false) {
        guard output.isOneWay, !isEnded else { return }
        close(mayReturn ? .restarting : .forbidden, reason: code.rawValue)
    }

    /// The connection is gone, or its client has said goodbye. Work under way finishes and finds nobody to tell.
    ///
    /// May be called several times.
    public func closed() {
        checkLoop()
        output.lost()
        end()
    }

    private func end() {
        guard !isEnded else { return }
        isEnded = true
        services.metrics.disconnected(output.framing)
        if isCounted { services.usage.disconnect(identity.principal.user) }
        subscriptions.removeAll(on: loop, services)
        replays.removeAll()
        rights.removeAll()
        snapshots.removeAll()
        order.end()
        rareParts?.refreshes.end()
        rareParts?.list?.end()
        rareParts?.worker?.end()
        expiry?.nextCheck?.cancel()
        expiry = nil
        parser.end()
        state.remove(self)
        emissions?.end()
        services.delivery.sessions.didEnd()
    }

    /// Closes the connection, because the client broke a rule or something failed.
    public func close(_ code: StreamCloseCode, reason: String) {
        checkLoop()
        if output.close(code, reason: reason) { end() }
    }

    /// The server that carries the transport stops. The connection is closed when the hub stops as well, or when its
    /// time for that (``HubConfiguration/shutdownGrace``) is over; either way the client is told before when to come back.
    public func beginLeaving() {
        checkLoop()
        guard !isEnded else { return }
        let session = NIOLoopBound(self, eventLoop: loop.eventLoop)
        loop.eventLoop.scheduleTask(in: .milliseconds(services.limits.leaveMilliseconds)) { session.value.leave() }
    }

    /// The hub has not stopped in time: the connection goes without it.
    private func leave() {
        guard !isEnded else { return }
        drain(reconnectMilliseconds: services.reconnectMilliseconds(among: state.sessions.count))
        goAway(waitsForAnswers: true)
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
        guard !isEnded else { return }
        let isClosed = output.leave(
            isIdle: isIdle || !waitsForAnswers,
            reconnectMilliseconds: services.reconnectMilliseconds(among: state.sessions.count))
        if isClosed { return end() }
        carryOutNext()
        output.flush()
    }

    func sweep(elapsed milliseconds: UInt32) {
        if output.sweep(elapsed: milliseconds) { return end() }
        guard settleAccess() else { return }
        for subscription in rights.takeFailed() { subscription.askAgain() }
        askForClearances()
    }

    // MARK: The client

    /// A whole message of the client. One that is over ``HubConfiguration/maximumMessageByteCount`` ends the connection (1009).
    public func receive(_ message: ByteBuffer) {
        checkLoop()
        guard !isEnded else { return }
        output.didHear()
        rareParts?.worker?.heard()
        let maximum = services.limits.maximumMessageByteCount
        guard message.readableBytes <= maximum else {
            return close(.tooBig, reason: "a message has at most \(maximum) bytes")
        }
        count(byteCount: message.readableBytes)
        guard let parsed = parser.receive(message, isInTime: output.takesEmissions, services) else {
            return parseNext()
        }
        didParse(parsed)
        if !isEnded { updateReading() }
    }

    /// Something has come that is not a message: a pong, a part of a message.
    public func didHear() {
        checkLoop()
        output.didHear()
        if !isEnded { count(byteCount: 0) }
    }

    /// Counts what has come. A client that has sent too much is not read from for a while.
    private func count(byteCount: Int) {
        guard rates.isLimited else { return }
        // Read once for the message: its kind is counted by the same time.
        state.clock.advance()
        guard let wait = rates.received(byteCount: byteCount, at: state.clock.milliseconds),
            services.usage.hits.applies(.bytes, .delayed), !isPaused
        else { return }
        isPaused = true
        updateReading()
        let session = NIOLoopBound(self, eventLoop: loop.eventLoop)
        loop.eventLoop.scheduleTask(in: .milliseconds(wait)) { session.value.endPause() }
    }

    /// Other rates count for what comes from now on. A client that is not read from is read from again when it was to be.
    func ratesChanged() {
        guard isLimited else { return }
        rates.change(
            to: services.rates(isEmitter: identity.principal.scopes.contains(.emit)), at: state.clock.milliseconds)
    }

    private func endPause() {
        isPaused = false
        if !isEnded { updateReading() }
    }

    /// The transport has written something to the client by itself, such as the answer to a ping.
    ///
    /// - Parameter byteCount: its size.
    public func didWriteControl(byteCount: Int) {
        checkLoop()
        guard !isEnded else { return }
        output.didWriteControl(byteCount: byteCount)
        updateReading()
    }

    /// For now nothing more comes from the client.
    public func readComplete() {
        checkLoop()
        output.flush()
    }

    /// The transport can take more, or less.
    public func writabilityChanged() {
        checkLoop()
        guard !isEnded else { return }
        output.writabilityChanged()
        guard output.isWritable, settleAccess() else { return }
        writeSnapshots()
        carryOutNext()
        readNext()
        rareParts?.list?.becameWritable()
        output.flush()
    }

    /// Nothing here is locked: a call from elsewhere would spoil it without a trace.
    private func checkLoop() {
        precondition(
            loop.eventLoop.inEventLoop,
            "a session is used on the event loop that its transport was adopted on: eventLoop.execute { … }")
    }

    private func updateReading() {
        output.updateReading(isOverloaded: isPaused || isOverloaded || !parser.isIdle || isRefreshing)
    }

    /// Whether so much waits to be carried out that nothing further is read from the client.
    private var isOverloaded: Bool {
        (emissions?.queuedCount ?? 0) + order.waitingCount >= services.limits.maximumQueuedRequests
            || (emissions?.queuedByteCount ?? 0) + order.waitingByteCount >= services.limits.maximumQueuedByteCount
    }

    /// Everything that the client asked for is answered.
    private var isIdle: Bool { order.isIdle && parser.isIdle && !isRefreshing }

    /// Whether credentials are looked at, or something waits for that.
    private var isRefreshing: Bool { rareParts.map { !$0.refreshes.isIdle } ?? false }

    private func makeRareParts() -> RareParts {
        if let rareParts { return rareParts }
        let made = RareParts()
        rareParts = made
        return made
    }

    // MARK: Parsing

    private func parseNext() {
        let session = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let eventLoop = loop.eventLoop
        while !isEnded {
            let message = parser.next(services) { message in
                eventLoop.execute { session.value.didParseElsewhere(message) }
            }
            guard let message else { return updateReading() }
            didParse(message)
        }
    }

    private func didParseElsewhere(_ message: ParsedMessage) {
        guard !isEnded else { return }
        parser.parsedElsewhere()
        state.clock.advance()
        didParse(message)
        parseNext()
        carryOutNext()
        output.flush()
    }

    private func didParse(_ message: ParsedMessage) {
        switch message.result {
        case .success(let parsed):
            let request = ReceivedRequest(
                message: parsed, byteCount: message.byteCount, isInTime: message.isInTime)
            if rareParts?.refreshes.receive(request) ?? true { receive(request) }
        case .failure(let error): refuse(error)
        }
    }

    private func refuse(_ error: ProtocolError) {
        output.send(.error(error))
        if !makeRareParts().malformed.record(at: services.runtime.environment.monotonicMilliseconds) {
            close(.protocolAbuse, reason: "more than \(MalformedMessageLimit.maximumCount) malformed messages in 10 s")
        }
    }

    /// Refuses a message that its transport could make none of this protocol of: it counts among the malformed ones.
    ///
    /// - Parameter error: with the mark of the message, if it has one.
    package func reject(_ error: ProtocolError) {
        guard !isEnded else { return }
        output.didHear()
        refuse(error)
        output.flush()
    }

    // MARK: Requests

    private func receive(_ request: ReceivedRequest) {
        guard !exceedsRate(request.message) else { return }
        switch request.message.operation {
        case .subscribe(let operation):
            receive(operation.snapshot == .never ? .subscribe : .subscribeWithSnapshot, of: operation.thread, request)
        case .unsubscribe(let thread):
            receive(.unsubscribe, of: thread, request)
        case .acknowledge(let thread, _):
            receive(.acknowledge, of: thread, request)
        case .emit(let operation):
            receive(.emit, of: operation.thread, request)
        case .command(let operation):
            receive(.emit, of: operation.thread, request)
        case .refresh(let token):
            refresh(token, request.message.tag)
        case .watch(let operation):
            do throws(ProtocolError) {
                try watch(operation, request.message.tag)
            } catch {
                output.send(.error(error.answering(request.message.tag)))
            }
        case .unwatch:
            if let list = rareParts?.list, !list.isEnded {
                list.end()
                output.send(.unwatched(request.message.tag))
            } else {
                let error = ProtocolError(.subscriptionUnknown, "this connection watches no list")
                output.send(.error(error.answering(request.message.tag)))
            }
        case .serve, .take, .decline, .renew:
            do throws(ProtocolError) {
                try work(request.message)
            } catch {
                output.send(.error(error.answering(request.message.tag)))
            }
        case .ping:
            output.send(.pong(request.message.tag))
        case .pong:
            break
        }
    }

    // MARK: Workers

    /// Something of a worker. It has nothing to do with the order of requests about threads.
    private func work(_ message: ClientMessage) throws(ProtocolError) {
        if case .serve(let request) = message.operation {
            guard output.takesSubscriptions else { throw .stopping() }
            let worker = rareParts?.worker ?? SessionWorker(identity, services, link: workerLink)
            let serving = try worker.serve(request)
            makeRareParts().worker = worker
            return output.send(
                .serving(
                    message.tag, leaseMilliseconds: services.workers.leaseMilliseconds, kept: serving.kept,
                    lost: serving.lost))
        }
        guard let worker = rareParts?.worker else {
            throw ProtocolError(.leaseUnknown, "this connection serves no agents: serve first")
        }
        switch message.operation {
        case .take(let lease):
            let run = try worker.take(lease)
            guard let run, worker.follows(run, isFollowed: subscriptions.find(run.thread) != nil) else { return }
            let follows = SubscribeRequest(thread: run.thread, start: run.after.map { .after($0) } ?? .start)
            receive(
                .subscribe, of: run.thread,
                ReceivedRequest(message: ClientMessage(.subscribe(follows)), byteCount: 0, isInTime: true))
        case .decline(let lease, let reason):
            try worker.decline(lease, reason)
        case .renew(let leases):
            try worker.renew(leases)
            output.send(.renewed(message.tag, leaseMilliseconds: services.workers.leaseMilliseconds))
        default:
            preconditionFailure("an op of workers")
        }
    }

    /// The way from the workers of the hub to this one.
    private var workerLink: WorkerLink {
        let session = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let eventLoop = loop.eventLoop
        return WorkerLink(
            connection: identity.connection,
            send: { message in
                eventLoop.execute {
                    session.value.output.send(message)
                    session.value.output.flush()
                }
            },
            ended: { run in eventLoop.execute { session.value.endWork(for: run) } },
            replaced: {
                eventLoop.execute {
                    session.value.close(.replaced, reason: "another connection serves under the name of this worker")
                }
            })
    }

    /// The worker follows a thread no longer that it was given a run of.
    private func endWork(for run: WorkerRun) {
        guard !isEnded, let worker = rareParts?.worker, worker.ended(run) else { return }
        unfollow(run.thread)
    }

    private func unfollow(_ thread: ThreadID) {
        guard !isEnded, let subscription = subscriptions.find(thread) else { return }
        guard subscription.isLocated else {
            // What is looked up ends later.
            let session = NIOLoopBound(self, eventLoop: loop.eventLoop)
            loop.eventLoop.scheduleTask(in: .milliseconds(50)) { session.value.unfollow(thread) }
            return
        }
        end(subscription)
        output.send(.unsubscribed(nil, thread))
        order.ended(thread)
        carryOutNext()
        output.flush()
    }

    /// Follows a list of threads. It has nothing to do with the order of requests about threads.
    private func watch(_ request: WatchRequest, _ tag: RequestTag?) throws(ProtocolError) {
        guard output.takesSubscriptions else { throw .stopping() }
        guard identity.principal.mayAnywhere(.read) else {
            throw ProtocolError(.scopeMissing, "reading takes the scope read")
        }
        guard let listing = services.listing else { throw .threadsUnlisted }
        guard rareParts?.list?.isEnded ?? true else {
            throw ProtocolError(
                .subscriptionExists, "this connection watches a list already: unwatch first to watch another one")
        }
        let list = ThreadListFeed(
            try ThreadListRequest(request), listing, identity, services, output, on: loop.eventLoop,
            settlesAccess: { [weak self] in self?.settleAccess() ?? false })
        makeRareParts().list = list
        output.send(.watching(tag))
        list.begin()
    }

    /// Refuses a message that is one too many.
    ///
    /// - Returns: whether it is.
    private func exceedsRate(_ message: ClientMessage) -> Bool {
        guard rates.isLimited else { return false }
        let action = rates.receive(message.operation.limitKind, at: state.clock.milliseconds)
        let wait: Int64
        var isLast = false
        switch action {
        case .pass: return false
        case .refuse(let retryAfter): wait = retryAfter
        case .close(let retryAfter):
            wait = retryAfter
            isLast = true
        }
        guard services.usage.hits.applies(.rate, isLast ? .closed : .refused) else { return false }
        let error = ProtocolError(
            .rateLimited, "this connection sends too much: send it again later, and less of it", isRetryable: true,
            retryAfterMilliseconds: wait, threadID: message.operation.thread)
        output.send(.error(error.answering(message.tag)))
        if isLast { close(.limits, reason: "\(error.code): it continued although it was told to wait") }
        return true
    }

    private func receive(_ kind: RequestOrder.Kind, of thread: ThreadID, _ request: ReceivedRequest) {
        switch order.receive(kind, of: thread, byteCount: request.byteCount, request) {
        case .start(let start): carryOut(start)
        case .wait: break
        }
        carryOutNext()
    }

    /// Carries out everything that may begin now. To be called after whatever the order was told.
    private func carryOutNext() {
        // A connection that takes no subscriptions any longer refuses them at once.
        while !isEnded, let start = order.next(startsSnapshots: output.isWritable || !output.takesSubscriptions) {
            carryOut(start)
        }
        guard !isEnded else { return }
        if emissions?.isIdle ?? true { state.endAwaitingCommits(self) }
        if isIdle, output.becameIdle() { return end() }
        updateReading()
    }

    private func carryOut(_ start: RequestOrder.Start) {
        var start = start
        // What was asked for earlier credentials does not count for these.
        if let asked = start.request.rights, asked.generation != identity.generation { start.request.rights = nil }
        if let use = SessionRights.use(
            askedFor: start, subscriptions.find(start.thread), takesSubscriptions: output.takesSubscriptions,
            by: identity, services)
        {
            return ask(for: start, use)
        }
        let tag = start.request.message.tag
        do throws(ProtocolError) {
            switch start.request.message.operation {
            case .subscribe(let request):
                try subscribe(request, tag, exceedsLimit: start.exceedsLimit, rights: start.request.rights?.get())
            case .unsubscribe(let thread):
                try unsubscribe(from: thread, tag)
            case .acknowledge(let thread, let cursor):
                if let answer = start.request.rights {
                    subscriptions.find(thread)?.answered(answer.result, for: answer.generation)
                }
                _ = try start.request.rights?.get()
                try subscriptions.acknowledge(thread, cursor, services)
            case .emit(let request):
                try emit(.emit(request), start.request)
            case .command(let request):
                try emit(.command(request), start.request)
            case .refresh, .watch, .unwatch, .serve, .take, .decline, .renew, .ping, .pong:
                break
            }
        } catch {
            output.send(.error(error.answering(tag)))
            order.refused(start, isFollowed: subscriptions.find(start.thread) != nil)
            subscriptionEnded(error.code, mayReturn: error.isRetryable)
        }
    }

    // MARK: Rights

    /// Asks what a request takes. It is carried out when that is known, and nothing else of its thread before.
    private func ask(for start: RequestOrder.Start, _ use: ThreadUse) {
        order.ask(start, byteCount: start.request.byteCount)
        let thread = start.thread
        let generation = identity.generation
        ask(use, of: thread) { session, answer in
            session.order.answered(rightsIn: thread) { $0.rights = AskedRights(answer, generation: generation) }
            session.carryOutNext()
        }
    }

    private func askForClearances() {
        guard rights.hasWaiting else { return }
        for subscription in rights.takeWaiting() where subscriptions.contains(subscription) {
            let bound = NIOLoopBound(subscription, eventLoop: loop.eventLoop)
            let generation = identity.generation
            ask(.read, of: subscription.thread) { session, answer in
                guard session.subscriptions.contains(bound.value), session.settleAccess() else { return }
                bound.value.answered(answer, for: generation)
                if bound.value.isForbidden { return session.forbid(bound.value) }
                session.snapshots.resume(bound.value)
                session.writeSnapshots()
                session.carryOutNext()
                session.readNext()
            }
        }
    }

    /// - Parameter then: what is done with the answer, on the loop; not when the connection has ended.
    private func ask(
        _ use: ThreadUse,
        of thread: ThreadID,
        _ then: @escaping @Sendable (StreamSession, Result<RightsAnswer, ProtocolError>) -> Void
    ) {
        let session = NIOLoopBound(self, eventLoop: loop.eventLoop)
        SessionRights.ask(use, of: thread, by: identity.principal, services, on: loop.eventLoop) { answer in
            guard !session.value.isEnded else { return }
            then(session.value, answer)
            session.value.output.flush()
        }
    }

    // MARK: Credentials

    /// Takes account of what has changed since, before anything is written that may be no business of the client any longer; see
    /// ``AccessEpoch``.
    ///
    /// - Parameter isTimeRead: whether the loop has just looked at the time.
    /// - Returns: whether the connection continues.
    private func settleAccess(isTimeRead: Bool = false) -> Bool {
        guard !isEnded else { return false }
        if !isTimeRead { state.clock.advance() }
        switch identity.settle() {
        case .current:
            break
        case .changed(let changes):
            for subscription in subscriptions.all where changes.contains(where: { $0.concerns(subscription.thread) }) {
                subscription.rightsChanged()
            }
            rareParts?.list?.changed()
            askForClearances()
        case .over(let code):
            close(.notAuthenticated, reason: code.description)
        }
        return !isEnded
    }

    /// Access has changed. Nothing is written for it but the end.
    func accessChanged() { _ = settleAccess(isTimeRead: true) }

    private var monotonicMilliseconds: Int64 { services.runtime.environment.monotonicMilliseconds }

    private func beginExpiry() {
        let end = identity.principal.expiresAt.map { services.runtime.environment.monotonicMilliseconds(at: $0) }
        identity.validity.end = end ?? .max
        state.noteEnd(identity.validity.end)
        if let end { expiry = Expiry(end: end, at: monotonicMilliseconds) }
        scheduleNextCheck()
    }

    private func scheduleNextCheck() {
        expiry?.nextCheck?.cancel()
        expiry?.nextCheck = nil
        guard !isEnded, let expiry, let time = expiry.machine.nextCheck else { return }
        let session = NIOLoopBound(self, eventLoop: loop.eventLoop)
        // A longer time is looked at in between.
        let wait = min(max(0, time - monotonicMilliseconds), 24 * 3600 * 1000)
        expiry.nextCheck = loop.eventLoop.scheduleTask(in: .milliseconds(wait)) { session.value.checkExpiry() }
    }

    private func checkExpiry() {
        guard settleAccess(), let expiry else { return }
        switch expiry.machine.check(at: monotonicMilliseconds) {
        case .none:
            break
        case .warn(let milliseconds):
            output.send(.expiring(inMilliseconds: milliseconds))
            output.flush()
        case .expire:
            return close(.notAuthenticated, reason: AuthenticationError.Code.expired.description)
        }
        scheduleNextCheck()
    }

    /// The client has new credentials. What it sends after this is carried out with them, and waits.
    private func refresh(_ token: String, _ tag: RequestTag?) {
        makeRareParts().refreshes.begin()
        let session = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let eventLoop = loop.eventLoop
        let authenticator = services.authenticator
        let isAccepted = services.readers.submit {
            let outcome: Result<Principal, ProtocolError>
            do throws(AuthenticationError) {
                let credentials = Credentials(token: token, path: StreamProtocol.path)
                outcome = .success(try await authenticator.authenticate(credentials))
            } catch {
                outcome = .failure(ProtocolError(error))
            }
            eventLoop.execute { session.value.didAuthenticate(outcome, tag) }
        }
        guard !isAccepted else { return updateReading() }
        // At the very end there are no workers any longer.
        didAuthenticate(.failure(.stopping()), tag)
    }

    private func didAuthenticate(_ outcome: Result<Principal, ProtocolError>, _ tag: RequestTag?) {
        guard settleAccess() else { return }
        rareParts?.refreshes.authenticated()
        do throws(ProtocolError) {
            try replaceCredentials(by: try outcome.get())
            output.send(.refreshed(tag, expiresAt: identity.principal.expiresAt))
            for subscription in subscriptions.all { subscription.credentialsChanged() }
            for subscription in subscriptions.forbidden { forbid(subscription) }
            rareParts?.list?.credentialsChanged()
            rareParts?.worker?.credentialsChanged()
        } catch {
            output.send(.error(error.answering(tag)))
            if error.code == .subjectChanged {
                return close(.notAuthenticated, reason: error.code.rawValue)
            }
        }
        while !isEnded, let request = rareParts?.refreshes.next() { receive(request) }
        carryOutNext()
        readNext()
        output.flush()
    }

    /// - Throws: ``ProtocolError`` `auth.subject_changed` when they are not of the same user; `auth.expired` or `auth.revoked` when
    ///   they count no longer. Then those before stay.
    private func replaceCredentials(by principal: Principal) throws(ProtocolError) {
        guard principal.user == identity.principal.user,
            principal.token?.issuer == identity.principal.token?.issuer
        else {
            throw ProtocolError(
                .subjectChanged, "a connection stays with its user and issuer: open another one for these credentials")
        }
        let now = monotonicMilliseconds
        let end = principal.expiresAt.map { services.runtime.environment.monotonicMilliseconds(at: $0) }
        guard end.map({ $0 > now }) ?? true else { throw ProtocolError(AuthenticationError.expired) }
        guard identity.replace(by: principal) else { throw ProtocolError(AuthenticationError.revoked) }
        identity.validity.end = end ?? .max
        state.noteEnd(identity.validity.end)
        if let expiry {
            expiry.machine.refreshed(end: end, at: now)
        } else if let end {
            expiry = Expiry(end: end, at: now)
        }
        scheduleNextCheck()
    }

    /// A subscription is not allowed any longer.
    private func forbid(_ subscription: StreamSubscription) {
        end(subscription)
        output.send(.unsubscribed(nil, subscription.thread, code: .threadForbidden))
        order.ended(subscription.thread)
        subscriptionEnded(.threadForbidden)
    }

    /// A thread was deleted. A subscription whose place is being looked up is told so by that.
    func threadDeleted(_ thread: ThreadID) {
        guard let subscription = subscriptions.find(thread) else { return }
        guard subscription.isLocated else {
            subscription.isDeleted = true
            return
        }
        endDeleted(subscription)
        output.flush()
    }

    /// The members of a thread have changed.
    func membersChanged(in thread: ThreadID) { subscriptions.find(thread)?.membersChanged() }

    private func endDeleted(_ subscription: StreamSubscription) {
        end(subscription)
        output.send(.unsubscribed(nil, subscription.thread, code: .threadDeleted))
        order.ended(subscription.thread)
        subscriptionEnded(.threadDeleted)
    }

    // MARK: Subscriptions

    private func subscribe(
        _ request: SubscribeRequest,
        _ tag: RequestTag?,
        exceedsLimit: Bool,
        rights: RightsAnswer?
    ) throws(ProtocolError) {
        try subscriptions.check(
            request, by: identity.principal, isTaken: output.takesSubscriptions, exceedsLimit: exceedsLimit, services)
        let feed = ThreadFeed(thread: request.thread, framing: framing)
        let subscription = subscriptions.add(request, feed, of: self, on: loop, services)
        guard lookUp(subscription, request, tag, rights) else {
            subscriptions.remove(subscription, on: loop, services)
            throw .stopsSubscriptions(to: request.thread)
        }
    }

    /// Looks the place up, and with it reads the first page, if the connection has no other page under way and the loop
    /// has a turn for it: then nothing else stands before the first event.
    ///
    /// - Returns: whether it is looked up; not when nothing is any longer.
    private func lookUp(
        _ subscription: StreamSubscription,
        _ request: SubscribeRequest,
        _ tag: RequestTag?,
        _ rights: RightsAnswer?
    ) -> Bool {
        let takesSnapshot = request.snapshot != .never
        let readsPage =
            request.readsBack && !takesSnapshot && mayRead && replays.turn == .none && state.turns.requestIfFree()
        let job = SubscriptionLookUp(
            request: request, principal: identity.principal, access: services.access, rights: rights,
            pages: services.pages, framing: output.framing, readsPage: readsPage, consumers: services.consumers,
            snapshots: services.snapshots,
            generation: services.runtime.generation)
        let session = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let subscription = NIOLoopBound(subscription, eventLoop: loop.eventLoop)
        let eventLoop = loop.eventLoop
        let credentials = identity.generation
        if !readsPage, let outcome = job.runAtOnce() {
            // Not within the call that begins the subscription.
            eventLoop.execute {
                session.value.didLookUp(
                    subscription.value, request, outcome, tag, credentials: credentials, hasTurn: false)
            }
            return true
        }
        let workers = takesSnapshot ? services.snapshotReaders : services.readers
        let isAccepted = workers.submit {
            let outcome = await job.run()
            eventLoop.execute {
                session.value.didLookUp(
                    subscription.value, request, outcome, tag, credentials: credentials, hasTurn: readsPage)
            }
        }
        if readsPage {
            if isAccepted { replays.turn = .reading } else { passTurn() }
        }
        return isAccepted
    }

    private func didLookUp(
        _ subscription: StreamSubscription,
        _ request: SubscribeRequest,
        _ outcome: Result<SubscriptionLookUp.Found, ProtocolError>,
        _ tag: RequestTag?,
        credentials: Int,
        hasTurn: Bool
    ) {
        var outcome = outcome
        let takesSnapshot = request.snapshot != .never
        if hasTurn { endTurn() }
        guard settleAccess(), subscriptions.contains(subscription) else {
            // The connection has ended before the place was found: nothing else ends a subscription that is looked up.
            if case .success = outcome, let key = subscription.consumerKey { services.consumers?.detach(key) }
            return
        }
        if case .success(let found) = outcome, !stands(found, credentials) {
            // Rights have changed since: what was found may be no business of the client any longer.
            if let key = subscription.consumerKey { services.consumers?.detach(key) }
            do throws(ProtocolError) {
                try ThreadAccess.checkScope(of: identity.principal, for: .read, in: request.thread)
                if lookUp(subscription, request, tag, nil) { return readNext() }
                outcome = .failure(.stopsSubscriptions(to: request.thread))
            } catch {
                outcome = .failure(error)
            }
        }
        if subscription.isDeleted, case .success = outcome {
            // Looked up before, or while, the thread was deleted.
            if let key = subscription.consumerKey { services.consumers?.detach(key) }
            outcome = .failure(.deleted(request.thread))
        }
        switch outcome {
        case .success(let found):
            if found.snapshot != nil, request.snapshot == .onReset {
                rates.tookSnapshot(at: services.runtime.environment.monotonicMilliseconds)
            }
            didFind(found, for: subscription, tag, takesSnapshot: takesSnapshot)
        case .failure(let error):
            subscriptions.remove(subscription, on: loop, services)
            output.send(.error(error.answering(tag)))
            if takesSnapshot { order.snapshotEnded() }
            subscriptionEnded(error.code, mayReturn: error.isRetryable)
        }
        order.lookedUp(subscription.thread, isFollowed: subscriptions.contains(subscription))
        carryOutNext()
        readNext()
        output.flush()
    }

    /// Whether what was looked up may be told.
    ///
    /// - Parameter credentials: the generation of those that it was looked up with.
    private func stands(_ found: SubscriptionLookUp.Found, _ credentials: Int) -> Bool {
        credentials == identity.generation && found.opened.rights.map { services.access.stands($0) } ?? true
    }

    private func didFind(
        _ found: SubscriptionLookUp.Found,
        for subscription: StreamSubscription,
        _ tag: RequestTag?,
        takesSnapshot: Bool
    ) {
        subscription.isAttached = subscription.consumer != nil
        output.send(.subscribed(tag, subscription.thread, after: found.opened.cursor, head: found.head))
        if let reset = found.reset {
            services.metrics.resets(reset)
            output.send(.reset(subscription.thread, reset, oldest: found.oldest))
        }
        subscription.located(found.opened)
        if let snapshot = found.snapshot {
            snapshots.append(SnapshotWrite(subscription: subscription, messages: snapshot, next: .begin))
            return writeSnapshots()
        }
        if takesSnapshot { order.snapshotEnded() }
        // A client that takes nothing gets its first page later, like every other.
        write(subscription.begin(with: output.isWritable ? found.page : nil))
    }

    private func unsubscribe(from thread: ThreadID, _ tag: RequestTag?) throws(ProtocolError) {
        guard let subscription = subscriptions.find(thread) else { throw SessionSubscriptions.unknown(thread) }
        end(subscription)
        output.send(.unsubscribed(tag, thread))
    }

    private func end(_ subscription: StreamSubscription) {
        replays.remove(subscription)
        rights.remove(subscription)
        if snapshots.drop(subscription) { order.snapshotEnded() }
        subscriptions.remove(subscription, on: loop, services)
    }

    // MARK: Snapshots

    private func write(_ snapshot: SnapshotWrite?) {
        guard let snapshot else { return }
        snapshots.append(snapshot)
        writeSnapshots()
    }

    private func writeSnapshots() {
        while true {
            switch snapshots.writeNext(to: output) {
            case .none:
                return
            case .held(let write):
                if write.isAwaited { order.snapshotEnded() }
            case .whole(let write):
                if write.isAwaited { order.snapshotEnded() }
                switch write.next {
                // Without a page there is no further snapshot.
                case .begin: _ = write.subscription.begin()
                case .proceed(let page): write.subscription.write(page)
                }
            }
        }
    }

    // MARK: Replay

    /// Whether the connection may read a page now.
    private var mayRead: Bool { !isEnded && output.isWritable && snapshots.isEmpty }

    private func readNext() {
        askForClearances()
        guard replays.turn == .none, mayRead, !replays.isEmpty else { return }
        guard state.turns.request(self) else {
            replays.turn = .waiting
            return
        }
        if !startReading() { passTurn() }
    }

    /// The session's turn to read has come.
    ///
    /// - Returns: whether the turn was used.
    private func takeTurn() -> Bool {
        replays.turn = .none
        return mayRead && startReading()
    }

    /// The page that the session read has come. Those who wait go first.
    private func endTurn() {
        replays.turn = .none
        passTurn()
    }

    private func passTurn() {
        while let next = state.turns.finish() {
            if next.takeTurn() { return }
        }
    }

    private func startReading() -> Bool {
        guard let (subscription, after) = nextReader() else { return false }
        replays.turn = .reading
        services.metrics.replayBegan()
        let job = PageRead(
            thread: subscription.thread, after: after, hiddenUpTo: subscription.hiddenUpTo, merges: subscription.merges,
            framing: output.framing,
            snapshots: subscription.takesSnapshots ? services.snapshots : nil, pages: services.pages)
        let session = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let reader = NIOLoopBound(subscription, eventLoop: loop.eventLoop)
        let eventLoop = loop.eventLoop
        services.readers.submit {
            let outcome = await job.run()
            eventLoop.execute { session.value.didRead(reader.value, outcome) }
        }
        return true
    }

    /// The next subscription that reads, and after which event.
    private func nextReader() -> (subscription: StreamSubscription, after: UInt64)? {
        while let subscription = replays.takeFirst() {
            if let after = subscription.startReading() { return (subscription, after) }
        }
        return nil
    }

    private func didRead(_ subscription: StreamSubscription, _ outcome: Result<PageRead.Page, EventLogError>) {
        endTurn()
        services.metrics.replayEnded()
        guard settleAccess() else { return }
        // Nobody waits for the page of a subscription that has ended meanwhile, nor for its failure.
        if subscriptions.contains(subscription) {
            switch outcome {
            case .success(let page):
                write(subscription.didRead(page))
            case .failure(let error):
                // Nothing can be promised about this thread any longer; the client comes back with its cursor.
                services.logger.error("page not read", metadata: ["error.code": "\(error.code)"])
                return close(.internalError, reason: error.message)
            }
        }
        readNext()
        output.flush()
    }

    // MARK: Emissions

    private func emit(_ request: Addition, _ received: ReceivedRequest) throws(ProtocolError) {
        let emissions = self.emissions ?? Emissions(identity, services: services, output: output)
        self.emissions = emissions
        try emissions.begin(request, received)
        // Before it is carried out, so that the loop is told of its commit.
        state.beginAwaitingCommits(self)
        emitNext(emissions)
    }

    private func emitNext(_ emissions: Emissions) {
        guard let batch = emissions.takeBatch() else { return }
        let session = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let eventLoop = loop.eventLoop
        let isAccepted = services.emitters.submit {
            let replies = await batch.run()
            eventLoop.execute { session.value.didEmit(replies) }
        }
        guard !isAccepted else { return }
        emissions.didRefuse(batch)
        answerEmissions()
    }

    private func didEmit(_ replies: [EmissionReply]) {
        guard let emissions else { return }
        emissions.didEmit(replies)
        guard !isEnded else { return }
        emitNext(emissions)
        answerEmissions()
        // A repeated request waits for a commit that may not have concerned this loop.
        if !emissions.isIdle { services.delivery.catchUp(loop) }
        output.flush()
    }

    /// Answers emissions whose events are committed, or never will be, and carries out what waited for that.
    private func answerEmissions() {
        guard let emissions else { return carryOutNext() }
        guard let error = services.delivery.failure else {
            return didAnswer(emissions.answer(upTo: state.committedPosition))
        }
        // A commit may not have concerned this loop.
        let committed = max(state.committedPosition, services.delivery.currentPosition)
        didAnswer(emissions.fail(after: committed, error))
    }

    private func didAnswer(_ threads: [ThreadID]) {
        for thread in threads { order.answered(thread) }
        carryOutNext()
    }

    // MARK: The loop

    /// A commit reached the loop; replies to what it holds can go out.
    func didCommit(upTo position: UInt64, written: inout WrittenSessions) {
        guard !isEnded else { return }
        let answered = emissions?.answer(upTo: position) ?? []
        if !answered.isEmpty { written.attend(self) }
        didAnswer(answered)
    }

    /// The log failed: what waits for a commit is answered.
    func logFailed() {
        guard !isEnded else { return }
        answerEmissions()
        output.flush()
    }

    /// Everything of a commit is written: flushes it, and reads for subscriptions that fell behind.
    func flushWritten() {
        output.beginAttending()
        guard state.isSettled ? !isEnded : settleAccess(isTimeRead: true) else { return }
        readNext()
        output.flush()
    }
}
