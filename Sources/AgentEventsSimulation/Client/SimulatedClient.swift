import AgentEvents
import AgentEventsClient
import AgentEventsProtocol

/// Mirrors `StreamCore` and `StreamPump`: one application, its stream, and the connection that it has.
final class SimulatedClient {
    enum Phase {
        /// Between two attempts.
        case pausing
        /// An attempt is under way.
        case connecting
        case open
        /// Declined for good; the application needs another token.
        case refused
    }

    /// How long acknowledgements are collected.
    static let acknowledgementMilliseconds: Int64 = 200
    static let patienceMilliseconds: Int64 = 50
    static let silenceSlackMilliseconds: Int64 = 5000

    let number: Int
    private unowned let world: World
    private let inbox: InboxLimits
    private var machine: StreamStateMachine
    private(set) var phase = Phase.pausing
    private(set) var session: SimulatedSession?
    /// Sessions that the client has left, and the service does not know of that yet, or still works for.
    private(set) var left: [SimulatedSession] = []
    var readers: [ThreadReader]
    /// What the application sends past its stream; `nil` for one that does not.
    private var pipelining: PipelinedRequests?
    /// Those with something to take, as bits.
    private var signalled: UInt64 = 0
    var isStalled = false
    var isTokenExpired = false
    private(set) var awaitsRoom = false
    private var keepsTime = false
    private var silenceMilliseconds: Int64?
    private var lastHeard: Int64 = 0
    /// Counts what timers are set for, so that old ones are passed over.
    private(set) var stamp = 0

    /// - Parameter pipelinedThread: a thread that no reader follows.
    init(number: Int, world: World, readers: [ThreadReader], pipelinedThread: ThreadID?, inbox: InboxLimits) {
        self.number = number
        self.world = world
        self.readers = readers
        self.inbox = inbox
        pipelining = pipelinedThread.map { PipelinedRequests(thread: $0) }
        machine = StreamStateMachine(limits: inbox)
    }

    // MARK: The application

    /// Begins a stream and follows the threads.
    func begin(isForgetful: Bool) {
        machine = StreamStateMachine(limits: inbox)
        signalled = 0
        stamp += 1
        for index in readers.indices {
            let reader = readers[index]
            let start = readers[index].begin(world.log.threads[reader.thread], isForgetful: isForgetful)
            do throws(AgentEventsClientError) {
                readers[index].number = try machine.follow(
                    world.threadID(reader.thread), from: start, consumer: reader.consumer)
            } catch {
                world.fail(InvariantViolation(.protocolKept, "client \(number): \(error)"))
            }
        }
        connect()
    }

    /// The application dies, and is started again.
    func crash() {
        leaveConnection(tellsService: true)
        begin(isForgetful: true)
    }

    var isReadyToTake: Bool { signalled != 0 }

    /// Takes what there is of one thread, up to a count, and handles it.
    func take(_ random: inout SimulationRandom) {
        let index = pickSignalled(&random)
        let reader = readers[index]
        let thread = world.threadID(reader.thread)
        for _ in 0..<(1 + random.below(8)) {
            let hadRoom = machine.hasRoom
            let action = machine.take(thread, number: reader.number)
            if !hadRoom, machine.hasRoom { stopAwaitingRoom() }
            guard given(action, index) else { break }
        }
        if reader.consumer != nil, readers[index].takenSinceAcknowledged > 0, random.below(3) > 0 { acknowledge(index) }
    }

    private func pickSignalled(_ random: inout SimulationRandom) -> Int {
        var bits = signalled
        for _ in 0..<random.below(bits.nonzeroBitCount) { bits &= bits - 1 }
        return bits.trailingZeroBitCount
    }

    /// - Returns: whether there may be more.
    private func given(_ action: StreamStateMachine.TakeAction, _ index: Int) -> Bool {
        let log = world.log.threads[readers[index].thread]
        switch action {
        case .give(.event(let event)):
            world.counts[.eventTaken] += 1
            world.mix(event.cursor.sequence)
            world.tell("  \(number) was given \(event.cursor) of \(thread(of: index))")
            if let violation = readers[index].receive(event, log) { fail(violation) }
        case .give(.reset):
            readers[index].reset()
        case .give(.live(let cursor)):
            if let violation = readers[index].isLive(at: cursor) { fail(violation) }
        case .give(.interrupted):
            break
        case .wait, .end:
            signalled &= ~(1 << UInt64(index))
            return false
        case .fail(let error):
            guard phase == .refused, error.status == 401 || error.closeCode == 4401 else {
                fail(InvariantViolation(.protocolKept, "\(error)"))
                return false
            }
            // With another token.
            world.counts[.tokenDeclined] += 1
            isTokenExpired = false
            begin(isForgetful: false)
            return false
        }
        return true
    }

    private func thread(of index: Int) -> ThreadID { world.threadID(readers[index].thread) }

    private func fail(_ violation: InvariantViolation) {
        world.fail(InvariantViolation(violation.rule, "client \(number): \(violation.message)"))
    }

    private func acknowledge(_ index: Int) {
        guard let last = readers[index].last else { return }
        do throws(AgentEventsClientError) {
            let needsTime = try machine.acknowledge(
                last, of: world.threadID(readers[index].thread), number: readers[index].number)
            readers[index].didAcknowledge()
            if needsTime { keepTime() }
        } catch {
            fail(InvariantViolation(.sentIsNotAcknowledged, "\(error)"))
        }
    }

    // MARK: The connection

    private func connect() {
        switch machine.connect() {
        case .connect: phase = .connecting
        case .stop: phase = .refused
        }
    }

    /// The pause before the next attempt is over.
    func pauseEnded() { connect() }

    /// The attempt ends.
    func connected(_ made: SimulatedSession) {
        session = made
        pipelining?.connected()
        phase = .open
        stamp += 1
        awaitsRoom = false
        keepsTime = false
        silenceMilliseconds = nil
        lastHeard = world.now
        world.setTimer(.silence(client: number), after: 15_000)
    }

    func disconnected(_ error: AgentEventsClientError, random: Double, tellsService: Bool = true) {
        leaveConnection(tellsService: tellsService)
        let (action, actions) = machine.disconnected(error, random: random)
        act(actions)
        stamp += 1
        switch action {
        case .pause(let time):
            phase = .pausing
            world.setTimer(.reconnect(client: number), after: max(1, Int64(time / .milliseconds(1))))
        case .refuse, .stop:
            phase = .refused
        }
    }

    private func leaveConnection(tellsService: Bool) {
        guard let session else { return }
        self.session = nil
        awaitsRoom = false
        session.connection.leave()
        if tellsService, !session.isGone { session.connection.send(.end) }
        left.append(session)
    }

    /// Drops the sessions that are over.
    func forgetLeft() { left.removeAll { $0.isGone && $0.jobs.isEmpty } }

    /// The service's process is gone, and what it did for this client.
    func serviceEnded() { left = [] }

    // MARK: What the service says

    var isReadyToReceive: Bool {
        guard let connection = session?.connection else { return false }
        return !isStalled && !awaitsRoom && (connection.hasOutbound || connection.isEnded)
    }

    /// Takes frames off the network.
    func receive(_ random: inout SimulationRandom) {
        let count = random.once(in: 4) ? 1 : 1 + random.below(12)
        for _ in 0..<count {
            guard let session, !awaitsRoom else { return }
            let connection = session.connection
            guard let (taken, becameWritable) = connection.take() else {
                guard connection.isEnded else { return }
                let code = connection.closeCode ?? 1006
                disconnected(
                    AgentEventsClientError(.closed, "closed", closeCode: code), random: random.fraction())
                return
            }
            lastHeard = world.now
            receive(taken, on: connection, &random)
            if becameWritable, !session.isGone { session.writabilityChanged() }
        }
    }

    private func receive(
        _ taken: SimulatedConnection.Taken,
        on connection: SimulatedConnection,
        _ random: inout SimulationRandom
    ) {
        switch taken {
        case .pingFrame:
            connection.send(.pongFrame)
        case .close(let code):
            connection.closeCode = code
            connection.send(.closeFrame)
            if code == 4401 { isTokenExpired = true }
            disconnected(
                AgentEventsClientError(.closed, "closed", closeCode: code), random: random.fraction(),
                tellsService: false)
        case .event(let merged, let thread):
            world.counts[.eventDelivered] += 1
            let event = StreamEvent(
                cursor: merged.event.id, firstSequence: merged.firstSequence, thread: merged.event.thread,
                bytes: merged.event.bytes)
            if event.firstSequence < event.cursor.sequence { world.counts[.eventMerged] += 1 }
            if let violation = WireCheck.order(event, on: connection, world.log.threads[thread]) { fail(violation) }
            if isPipelined(.event(event), nil) { return }
            receive(.event(event), &random)
        case .message(let message, let number):
            WireCheck.note(message, on: connection)
            if let violation = WireCheck.answer(message, to: number, on: connection) { fail(violation) }
            if number != nil { world.counts[.requestAnswered] += 1 }
            if isPipelined(message, number) { return }
            receive(message, &random)
        }
    }

    /// - Returns: whether the message is not for the stream.
    private func isPipelined(_ message: ServerMessage, _ number: Int64?) -> Bool {
        guard let received = pipelining?.received(message, number) else { return false }
        if let violation = received.violation { fail(violation) }
        if received.isMine, case .error = message { world.counts[.subscriptionRefused] += 1 }
        return received.isMine
    }

    private func receive(_ message: ServerMessage, _ random: inout SimulationRandom) {
        if random.once(in: 32) {
            world.counts[.wireChecked] += 1
            if let violation = WireCheck.roundTrip(message) { fail(violation) }
        }
        let actions = machine.receive(message, random: random.fraction())
        if let silence = actions.silence {
            silenceMilliseconds = Int64(silence / .milliseconds(1)) + Self.silenceSlackMilliseconds
        }
        act(actions)
        if let fault = actions.leave {
            // The service of this world is a correct one.
            fail(InvariantViolation(.protocolKept, "\(fault)"))
            disconnected(fault, random: random.fraction())
        } else if actions.awaitsRoom {
            world.counts[.inboxFull] += 1
            awaitsRoom = true
            world.setTimer(.patience(client: number), after: Self.patienceMilliseconds)
        }
    }

    private func act(_ actions: StreamActions) {
        for number in actions.readers {
            if let index = readers.firstIndex(where: { $0.number == number }) { signalled |= 1 << UInt64(index) }
        }
        if actions.needsTime { keepTime() }
    }

    // MARK: What is sent

    var isReadyToSend: Bool { session != nil && machine.hasOutgoing }

    func send(_ random: inout SimulationRandom) {
        guard let session else { return }
        // In one packet with what the stream sends. A world that comes to rest is asked for nothing new: with each answer to a
        // ping a thread might be read from its start again, for ever.
        if !world.isSettling {
            for item in pipelining?.next(&random) ?? [] {
                world.counts[.requestPipelined] += 1
                session.connection.send(item)
            }
        }
        let requests = machine.takeOutgoing()
        if requests.count > 8 * (readers.count + 1) {
            fail(InvariantViolation(.boundedMemory, "\(requests.count) requests wait to be sent"))
        }
        for request in requests { session.connection.send(.request(request)) }
    }

    // MARK: Time

    private func keepTime() {
        guard !keepsTime, session != nil else { return }
        keepsTime = true
        world.setTimer(.acknowledgements(client: number), after: Self.acknowledgementMilliseconds)
    }

    func timePassed() {
        keepsTime = false
        guard session != nil else { return }
        machine.advance(by: .milliseconds(Self.acknowledgementMilliseconds))
        if machine.needsTime { keepTime() }
    }

    func patienceEnded() {
        guard awaitsRoom else { return }
        if !machine.hasRoom { world.counts[.threadPaused] += 1 }
        stopAwaitingRoom()
    }

    private func stopAwaitingRoom() {
        guard awaitsRoom else { return }
        awaitsRoom = false
        machine.stopAwaitingRoom()
    }

    /// Looks whether anything was heard lately. Nothing is concluded while the client itself takes nothing.
    func silenceChecked(_ random: Double) {
        guard session != nil else { return }
        if let silenceMilliseconds, world.now - lastHeard >= silenceMilliseconds {
            world.counts[.clientFoundSilence] += 1
            disconnected(AgentEventsClientError(.silent, "nothing was heard"), random: random)
        } else {
            world.setTimer(.silence(client: number), after: 15_000)
        }
    }

    // MARK: The end

    /// At the end: every request has its answer.
    var unanswered: InvariantViolation? {
        guard let (thread, numbers) = session?.connection.unanswered.first else { return nil }
        return InvariantViolation(.requestsAnswered, "request \(numbers[0]) about \(thread) has no answer")
    }

    /// Whether everything that can be known is known: live, and nothing on its way.
    var isSettled: Bool {
        guard phase == .open, case .live = machine.state else { return false }
        return signalled == 0 && !machine.needsTime && !machine.hasOutgoing
    }

    var stateInWords: String { "\(phase), \(machine.state), awaits room: \(awaitsRoom), stalled: \(isStalled)" }
}
