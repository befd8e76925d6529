import AgentEvents
import AgentEventsClient
import AgentEventsHub
import AgentEventsProtocol
import AgentEventsServer

/// Mirrors `StreamSession` and `StreamHandler`: the service's side of a connection.
final class SimulatedSession {
    enum Job {
        case lookUp(SimulatedSubscription, StartLookUp, request: Int64)
        case read(SimulatedSubscription, PageLookUp)
        case emit(SimulatedEmissions.Emission)
    }

    enum Request {
        case stream(ClientMessage)
        /// - Parameter isInTime: it came while the connection took emissions.
        case emit(Int64, isInTime: Bool)
    }

    /// Where the session stands with the turns of its loop.
    private enum Turn {
        case none, waiting, reading
    }

    typealias RequestOrder = RequestOrderStateMachine<Request>

    let client: Int
    let connection: SimulatedConnection
    let loop: SimulatedLoop
    unowned let service: SimulatedService
    private var machine = ConnectionStateMachine()
    private var handshake = CloseHandshakeStateMachine()
    var order = RequestOrder(maximumFollowedCount: SimulatedLimits.maximumFollowedCount)
    private var heartbeat: HeartbeatStateMachine
    private var progress: ProgressStateMachine
    private(set) var subscriptions: [SimulatedSubscription] = []
    private var readQueue: [SimulatedSubscription] = []
    private var turn = Turn.none
    private var hasPendingWrites = false
    private var backlogByteCount = 0
    private(set) var isEnded = false
    /// Whether the connection is over on this side.
    private(set) var isGone = false
    var emissions = SimulatedEmissions()
    /// Whether the session is told of every commit.
    var isAwaiting = false
    /// For workers.
    private(set) var jobs: [Job] = []

    init(client: Int, connection: SimulatedConnection, loop: SimulatedLoop, service: SimulatedService) {
        self.client = client
        self.connection = connection
        self.loop = loop
        self.service = service
        heartbeat = HeartbeatStateMachine(interval: service.limits.heartbeatMilliseconds)
        progress = ProgressStateMachine(deadline: service.limits.stallMilliseconds)
    }

    func count(_ occurrence: Occurrence) { service.world.counts[occurrence] += 1 }

    // MARK: Life

    func begin() {
        loop.add(self)
        machine.welcomed()
        send(.welcome(Welcome(heartbeatMilliseconds: Int64(service.limits.heartbeatMilliseconds))))
        if let spread = service.spread { drain(spread.milliseconds(0, of: 1, fraction: 0.5)) }
    }

    private func end() {
        guard !isEnded else { return }
        isEnded = true
        for subscription in subscriptions { forget(subscription) }
        subscriptions = []
        readQueue = []
        order.end()
        emissions = SimulatedEmissions()
        stopAwaiting()
        loop.remove(self)
    }

    private func forget(_ subscription: SimulatedSubscription) {
        subscription.end()
        if subscription.isAttached, let key = subscription.consumer { service.ledger.detach(key) }
        loop.remove(subscription)
    }

    /// The connection is gone: nothing that this side writes arrives any more.
    func lost() {
        guard !isGone else { return }
        isGone = true
        machine.lost()
        handshake.lost()
        end()
        connection.end(keeping: .max)
        service.world.touch(client)
    }

    /// The process is gone: nobody is left to do anything.
    func processEnded() {
        isGone = true
        isEnded = true
        jobs = []
        machine.lost()
    }

    func drain(_ milliseconds: Int64) {
        guard case .announce = machine.drain() else { return }
        send(.drain(reconnectMilliseconds: milliseconds))
    }

    /// Closes when everything that the client has asked for is answered.
    func goAway() {
        if case .close = machine.leave(isIdle: order.isIdle) { beginClosing(1001) }
    }

    func close(_ code: Int) {
        if case .close = machine.close() { beginClosing(code) }
    }

    private func beginClosing(_ code: Int) {
        guard case .sendClose = handshake.close() else { return }
        write(.close(code: code))
        end()
        service.setCloseDeadline(self)
    }

    func closeDeadlinePassed() {
        guard case .abort = handshake.deadlinePassed() else { return }
        connection.end(keeping: 0)
        lost()
    }

    func sweep(elapsed milliseconds: UInt32) {
        let pending = connection.pendingByteCount
        switch progress.sweep(
            elapsed: milliseconds, writtenByteCount: connection.writtenByteCount, pendingByteCount: pending)
        {
        case .none: break
        case .close:
            count(.slowReaderClosed)
            return close(4408)
        }
        switch heartbeat.sweep(elapsed: milliseconds, isBlocked: pending > 0) {
        case .none: break
        case .send(let ping, let message):
            if ping { write(.pingFrame) }
            if message { send(.ping) }
        case .close:
            count(.heartbeatMissed)
            close(4408)
        }
    }

    // MARK: Requests

    /// Whether anything is read from the client.
    var reads: Bool {
        !isGone && backlogByteCount < service.limits.maximumBacklogByteCount
            && order.waitingCount < service.limits.maximumQueuedRequests
    }

    func receive(_ item: RequestItem) {
        heartbeat.received()
        switch item {
        case .pongFrame:
            break
        case .closeFrame:
            switch handshake.peerClosed() {
            case .none: break
            case .echo:
                lost()
            case .finish: lost()
            }
        case .end:
            lost()
        case .request(let request):
            guard !isEnded else { return }
            receive(request)
        case .emit(let number, let thread):
            guard !isEnded else { return }
            // The bug of a shell that does not ask the machine.
            guard service.world.bug != .emissionOvertakes else {
                return emit(.init(number: number, thread: service.world.log.number(of: thread)))
            }
            receive(.emit, of: thread, .emit(number, isInTime: machine.takesEmissions))
        }
    }

    private func receive(_ request: ClientMessage) {
        switch request.operation {
        case .subscribe(let subscribe):
            receive(.subscribe, of: subscribe.thread, .stream(request))
        case .unsubscribe(let thread):
            // The bug of a shell that does not ask the machine.
            guard service.world.bug != .answerDropped else {
                return unsubscribe(service.world.log.number(of: thread), request.number)
            }
            receive(.unsubscribe, of: thread, .stream(request))
        case .acknowledge(let thread, _):
            receive(.acknowledge, of: thread, .stream(request))
        case .ping, .pong, .emit:
            break
        }
    }

    private func receive(_ kind: RequestOrder.Kind, of thread: ThreadID, _ request: Request) {
        switch order.receive(kind, of: thread, byteCount: 100, request) {
        case .start(let start): carryOut(start)
        case .wait: count(.requestWaited)
        }
        carryOutNext()
    }

    func carryOutNext() {
        while !isEnded, let start = order.next(startsSnapshots: true) { carryOut(start) }
        guard !isEnded, order.isIdle else { return }
        if case .close = machine.becameIdle() { beginClosing(1001) }
    }

    private func carryOut(_ start: RequestOrder.Start) {
        let thread = service.world.log.number(of: start.thread)
        switch start.request {
        case .stream(let request):
            carryOut(request, start, thread)
        case .emit(let number, let isInTime):
            // A refusal does not overtake the answers to what was emitted before.
            if isInTime || !emissions.isIdle {
                return emit(.init(number: number, thread: thread, isLate: !isInTime))
            }
            refuse(number, thread, .stopping, isRetryable: true)
            order.refused(start, isFollowed: subscriptions.contains { $0.thread == thread })
        }
    }

    private func carryOut(_ request: ClientMessage, _ start: RequestOrder.Start, _ thread: Int) {
        switch request.operation {
        case .subscribe(let subscribe):
            let isTaken =
                !start.exceedsLimit
                && self.subscribe(thread, subscribe.start, subscribe.consumer, request.number)
            guard !isTaken else { break }
            if start.exceedsLimit { refuse(request.number, thread, .tooManySubscriptions, isRetryable: true) }
            order.refused(start, isFollowed: subscriptions.contains { $0.thread == thread })
        case .unsubscribe:
            unsubscribe(thread, request.number)
        case .acknowledge(_, let cursor):
            acknowledge(thread, cursor, request.number)
        case .ping, .pong, .emit:
            break
        }
    }

    // MARK: Subscriptions

    /// - Returns: whether its place is looked up; it is refused else.
    private func subscribe(_ thread: Int, _ start: StartPosition?, _ consumer: ConsumerName?, _ number: Int64) -> Bool {
        guard machine.takesSubscriptions else {
            refuse(number, thread, .stopping, isRetryable: true)
            return false
        }
        guard !subscriptions.contains(where: { $0.thread == thread }) else {
            refuse(number, thread, .subscriptionExists)
            return false
        }
        let loopThread = loop.thread(thread, publishedPosition: service.publishedPosition)
        let key = consumer.map { service.key(of: $0, thread) }
        let subscription = SimulatedSubscription(
            thread, consumer: key, merges: service.world.merges(client), loopThread: loopThread, session: self,
            bug: service.world.bug)
        // First listen, then look up: what is committed in between reaches the loop.
        loopThread.add(subscription)
        subscriptions.append(subscription)
        submit(.lookUp(subscription, StartLookUp(start: start, key: key, thread: thread), request: number))
        return true
    }

    private func unsubscribe(_ thread: Int, _ number: Int64) {
        guard let index = subscriptions.firstIndex(where: { $0.thread == thread }) else {
            return refuse(number, thread, .subscriptionUnknown)
        }
        let subscription = subscriptions.remove(at: index)
        readQueue.removeAll { $0 === subscription }
        forget(subscription)
        send(.unsubscribed(RequestTag(number: number), service.world.threadID(thread)), answering: number)
    }

    private func acknowledge(_ thread: Int, _ cursor: Cursor, _ number: Int64) {
        guard let subscription = subscriptions.first(where: { $0.thread == thread }) else {
            return refuse(number, thread, .subscriptionUnknown)
        }
        let action = subscription.acknowledge(cursor) {
            subscription.consumer.map { service.acknowledge($0, cursor) } ?? true
        }
        switch action {
        case .some(.none): break
        case .accept:
            count(.acknowledgementTaken)
            service.world.didAcknowledge(cursor, thread, of: client, sent: subscription.lastID)
        case nil:
            count(.acknowledgementRefused)
            refuse(number, thread, .acknowledgementNotStored, isRetryable: true)
        case .rejectNotSent:
            refuse(number, thread, .acknowledgementNotSent)
        }
    }

    func refuse(_ number: Int64, _ thread: Int, _ code: ProtocolError.Code, isRetryable: Bool = false) {
        var refusal = ProtocolError(
            code, code.rawValue, isRetryable: isRetryable, threadID: service.world.threadID(thread))
        refusal.tag = RequestTag(number: number)
        send(.error(refusal), answering: number)
    }

    // MARK: Workers

    func submit(_ job: Job) {
        jobs.append(job)
        service.world.touch(client)
    }

    /// A worker carries out one of the jobs.
    func work(_ index: Int) {
        let job = jobs.remove(at: index % jobs.count)
        switch job {
        case .lookUp(let subscription, let lookUp, let number):
            let found = lookUp.run(service)
            loop.execute(.lookedUp(self, subscription, found, request: number))
        case .read(let subscription, let lookUp):
            count(.pageRead)
            loop.execute(.pageRead(self, subscription, lookUp.run(service)))
        case .emit(let emission):
            let emitted = emission.isLate ? .refused : service.emit(emission)
            guard let outcome = emitted else { return jobs.append(job) }
            loop.execute(.emitted(self, emission, outcome))
        }
    }

    func didLookUp(_ subscription: SimulatedSubscription, _ found: StartLookUp.Found, _ number: Int64) {
        let thread = service.world.threadID(subscription.thread)
        guard !isEnded, subscriptions.contains(where: { $0 === subscription }) else {
            if let key = subscription.consumer { service.ledger.detach(key) }
            order.lookedUp(thread, isFollowed: false)
            if !isEnded { carryOutNext() }
            return
        }
        subscription.isAttached = subscription.consumer != nil
        send(.subscribed(RequestTag(number: number), thread, after: found.cursor, head: found.head), answering: number)
        if let reset = found.reset {
            switch reset {
            case .diverged: count(.resetDiverged)
            case .trimmed: count(.resetTrimmed)
            case .unknown, .unrecognized:
                // Every cursor in this world is one that was given.
                service.world.fail(
                    InvariantViolation(.denseOrder, "a cursor of \(thread) is beyond what was ever given"))
            }
            send(.reset(thread, reset, oldest: found.oldest))
        }
        count(found.cursor == nil ? .subscribed : .resumed)
        service.world.tell("  \(client) begins \(thread) behind \(found.after)")
        subscription.opened(found)
        order.lookedUp(thread, isFollowed: true)
        carryOutNext()
        readNext()
    }

    func didRead(_ subscription: SimulatedSubscription, _ page: PageLookUp.Page) {
        turn = .none
        // Those who wait go first.
        loop.endTurn()
        guard !isEnded else { return }
        // Nobody waits for the page of a subscription that has ended meanwhile.
        guard subscriptions.contains(where: { $0 === subscription }) else { return readNext() }
        subscription.didRead(page)
        readNext()
    }

    // MARK: Replay

    func wantsToRead(_ subscription: SimulatedSubscription) {
        if !readQueue.contains(where: { $0 === subscription }) { readQueue.append(subscription) }
    }

    func writabilityChanged() {
        backlogByteCount = 0
        readNext()
    }

    private var mayRead: Bool { !isEnded && connection.isWritable && !readQueue.isEmpty }

    private func readNext() {
        guard turn == .none, mayRead else { return }
        guard loop.requestTurn(self) else {
            turn = .waiting
            return
        }
        if !startReading() { loop.endTurn() }
    }

    /// The session's turn has come.
    ///
    /// - Returns: whether it has a use for it.
    func turnCame() -> Bool {
        turn = .none
        return mayRead && startReading()
    }

    private func startReading() -> Bool {
        while !readQueue.isEmpty {
            let subscription = readQueue.removeFirst()
            guard let page = subscription.startReading() else { continue }
            turn = .reading
            submit(.read(subscription, page))
            return true
        }
        return false
    }

    func subscription(_ subscription: SimulatedSubscription, isTrimmedUpTo trim: SimulatedPages.Trim) {
        count(.trimmedInMidReplay)
        send(.reset(service.world.threadID(subscription.thread), .trimmed, oldest: trim.oldest))
    }

    func subscription(_ subscription: SimulatedSubscription, isLiveAt cursor: EventID?) {
        count(.wentLive)
        send(.live(service.world.threadID(subscription.thread), cursor: cursor))
    }

    // MARK: Output

    func mayWrite(byteCount: Int) -> Bool {
        !isGone && connection.isWritable && byteCount <= service.limits.maximumWriteByteCount
    }

    /// - Parameter number: the request that the message is the answer to.
    func send(_ message: ServerMessage, answering number: Int64? = nil) {
        guard machine.mayWrite else { return }
        service.world.tell("  sent to \(client): \(message)")
        heartbeat.wrote()
        let byteCount = 100
        if !connection.isWritable { backlogByteCount += byteCount }
        write(.message(message, byteCount: byteCount, answers: number))
    }

    private func write(_ item: WireItem) {
        guard !isGone else { return }
        connection.write(item)
        service.world.touch(client)
    }

    func write(_ batch: FramedBatch, from frame: Int) {
        guard !isGone, machine.mayWrite else { return }
        heartbeat.wrote()
        connection.write(batch, from: frame)
        service.world.tell(
            "  sent to \(client): events behind \(batch.frames[frame].firstSequence - 1) to \(batch.lastID) of "
                + "\(service.world.threadID(batch.thread))")
        service.world.didWrite(batch, from: frame, connection)
    }

    func markWritten(_ written: inout [SimulatedSession]) {
        guard !hasPendingWrites else { return }
        hasPendingWrites = true
        written.append(self)
    }

    func flushWritten() {
        hasPendingWrites = false
        readNext()
        service.world.touch(client)
    }
}

extension ClientMessage {
    /// The number of a request; 0 for what has none.
    var number: Int64 { tag?.number ?? 0 }
}
