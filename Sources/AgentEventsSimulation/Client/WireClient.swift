import AgentEvents
import AgentEventsClient
import AgentEventsHub
import AgentEventsProtocol
import NIOCore

/// A client as the service sees it: messages over a connection that may break, be slow or be half gone. It checks everything
/// that comes. The file is long because what may come depends on all that was sent.
final class WireClient {
    private enum Following: Equatable {
        case none
        case asked(Int64)
        case following
        case leaving(Int64)
    }

    let number: Int
    let principal: Principal
    private unowned let world: RealWorld
    private var readers: [ThreadReader]
    private var followings: [Following]
    private var isForgetful = false
    private var pipelined: PipelinedRequests?
    private var watched: WatchedThreads?
    private let foreignThread: Int?
    private let merges: Bool
    private let takesSnapshots: Bool
    private var lastNumber: Int64 = 0

    // The connection.
    private(set) var transport: SimulatedTransport.Handle?
    private var isWelcomed = false
    private var hasAskedForForeign = false
    private var emissions: [Int64: Int] = [:]
    private var commands: [Int64: Int] = [:]
    var isStalled = false
    private var check: WireCheck

    init(
        number: Int,
        world: RealWorld,
        user: UserID,
        readers: [ThreadReader],
        pipelinedThread: ThreadID?,
        foreignThread: Int?,
        _ random: inout SimulationRandom
    ) {
        self.number = number
        self.world = world
        self.readers = readers
        self.foreignThread = foreignThread
        principal = Principal.backend(of: user, [.read, .emit, .command])
        followings = readers.map { _ in .none }
        pipelined = pipelinedThread.map { PipelinedRequests(thread: $0) }
        merges = random.once(in: 2)
        takesSnapshots = random.once(in: 4)
        check = WireCheck(witness: world.witness)
        if world.neighbour == nil, random.once(in: 3) {
            watched = WatchedThreads(user: user, limit: 1 + random.below(3), witness: world.witness)
        }
    }

    // MARK: The connection

    var isConnected: Bool { transport != nil }
    var isReadyToReceive: Bool { transport.map { $0.wire.hasNews && !isStalled } ?? false }
    var mayEmit: Bool { isWelcomed && !isStalled && transport?.wire.isEnded == false }

    /// Whether there is something that it has to send.
    var hasToSend: Bool { mayEmit && (followings.contains(.none) || watched?.hasToAsk == true) }

    func connected(_ transport: SimulatedTransport.Handle) {
        self.transport = transport
        isStalled = false
        check = WireCheck(witness: world.witness)
        pipelined?.connected()
    }

    /// - Parameter tellsService: whether the service learns of it.
    func disconnect(tellsService: Bool, keeping count: Int) {
        guard let transport else { return }
        world.witness.count(.connectionLost)
        if transport.wire.hasBytes { world.witness.count(.frameLost) }
        transport.wire.leave(keeping: count)
        if tellsService { transport.lose() }
        forgetConnection()
    }

    private func forgetConnection() {
        transport = nil
        isWelcomed = false
        isStalled = false
        hasAskedForForeign = false
        watched?.connectionLost()
        followings = readers.map { _ in .none }
        check = WireCheck(witness: world.witness)
        for (number, thread) in emissions.sorted(by: { $0.key < $1.key }) { world.producers[thread].lost(number) }
        emissions = [:]
        for number in commands.keys.sorted() { commander.lost(number) }
        commands = [:]
    }

    /// The application dies with all it remembers.
    func crash() {
        disconnect(tellsService: true, keeping: 0)
        isForgetful = true
    }

    // MARK: Sending

    private func send(_ text: [UInt8]) { transport?.wire.send(.message(text)) }

    private func send(_ message: ClientMessage) {
        var message = message
        switch message.operation {
        case .subscribe(var request):
            request.merges = merges
            if takesSnapshots { request.snapshot = .onReset }
            message.operation = .subscribe(request)
        case .unsubscribe, .emit, .command, .acknowledge, .refresh, .watch, .unwatch, .serve, .take, .decline, .renew,
            .ping,
            .pong:
            break
        }
        check.sent(message)
        do throws(WireError) {
            send(try message.encoded())
        } catch {
            preconditionFailure("what clients send can be written: \(error)")
        }
    }

    private func send(_ number: Int64, _ operation: ClientMessage.Operation) {
        send(ClientMessage(tag: RequestTag(number: number), operation))
    }

    private func nextNumber() -> Int64 {
        lastNumber += 1
        return lastNumber
    }

    /// Sends something of what it has to.
    ///
    /// - Returns: whether there was anything.
    func send(_ random: inout SimulationRandom) -> Bool {
        guard mayEmit else { return false }
        if watched?.hasToAsk == true {
            let number = nextNumber()
            if let question = watched?.ask(number) { send(number, question) }
            return true
        }
        if let index = followings.firstIndex(of: .none) {
            subscribe(index)
            return true
        }
        guard !world.isSettling else { return false }
        let index = random.below(readers.count + 1)
        guard index < readers.count else { return sendBeside(&random) }
        guard followings[index] == .following else { return false }
        if readers[index].takenSinceAcknowledged > 0, !random.once(in: 6) {
            return acknowledge(index)
        }
        guard random.once(in: 6) else { return false }
        let number = nextNumber()
        followings[index] = .leaving(number)
        send(number, .unsubscribe(world.threadID(readers[index].thread)))
        return true
    }

    private func subscribe(_ index: Int) {
        let thread = readers[index].thread
        let start = readers[index].begin(world.witness.thread(thread), isForgetful: isForgetful)
        let number = nextNumber()
        followings[index] = .asked(number)
        send(
            number,
            .subscribe(
                SubscribeRequest(thread: world.threadID(thread), start: start, consumer: readers[index].consumer)))
        if !followings.contains(.none) { isForgetful = false }
    }

    private func acknowledge(_ index: Int) -> Bool {
        guard let cursor = readers[index].last else { return false }
        let thread = world.threadID(readers[index].thread)
        if let consumer = readers[index].consumer {
            let name = ConsumerKey(thread: thread, user: principal.user, consumer: consumer).name
            world.witness.mayStore(cursor, name, thread)
        }
        readers[index].didAcknowledge()
        send(nextNumber(), .acknowledge(thread, cursor: cursor))
        return true
    }

    /// What the readers do not ask for.
    private func sendBeside(_ random: inout SimulationRandom) -> Bool {
        if let foreignThread, !hasAskedForForeign {
            hasAskedForForeign = true
            send(nextNumber(), .subscribe(SubscribeRequest(thread: world.threadID(foreignThread), start: .now)))
            return true
        }
        if random.once(in: 12), let index = readers.indices.first {
            return overreach(index)
        }
        if random.once(in: 12) {
            send(HostileMessages.next(&random))
            return true
        }
        guard var requests = pipelined else { return false }
        let items = requests.next(&random)
        pipelined = requests
        for item in items {
            switch item {
            case .request(let request): send(request)
            case .emit(let number, let thread):
                let owner = world.witness.thread(world.witness.number(of: thread) ?? 0).owner
                let draft = EventDraft(.custom(CustomEvent(name: "beside", value: .integer(number))))
                send(number, .emit(EmitRequest(thread: thread, user: owner.user, drafts: [draft])))
            }
        }
        return !items.isEmpty
    }

    /// Acknowledges what was not sent: refused, and never stored.
    private func overreach(_ index: Int) -> Bool {
        guard followings[index] == .following, let last = readers[index].last else { return false }
        let beyond = Cursor(generation: last.generation, sequence: last.sequence + 1_000_000)
        send(nextNumber(), .acknowledge(world.threadID(readers[index].thread), cursor: beyond))
        return true
    }

    /// Sends the events of a producer.
    func emit(_ thread: Int, _ random: inout SimulationRandom) {
        // No other client has it.
        let number = nextNumber() + Int64(number + 1) << 24
        let owner = world.witness.thread(thread).owner
        emissions[number] = thread
        send(number, .emit(world.producers[thread].send(number, to: owner, &random)))
    }

    /// Sends the command of a person.
    ///
    /// - Returns: whether there was one.
    func command(_ thread: Int, _ random: inout SimulationRandom) -> Bool {
        // No other client has it.
        let number = lastNumber + 1 + Int64(number + 1) << 24
        guard let request = commander.next(thread, on: number, onlyResumes: world.onlyResumes, &random) else {
            return false
        }
        // Only now: what does not happen leaves no trace.
        lastNumber += 1
        commands[number] = thread
        send(number, .command(request))
        return true
    }

    /// The person whose commands it sends.
    private var commander: Commander { world.commanders[number / 2 % world.commanders.count] }

    // MARK: Receiving

    /// Takes what comes next.
    func receive() throws(InvariantViolation) {
        guard let transport else { return }
        guard var bytes = transport.wire.take() else {
            if transport.wire.isEnded { forgetConnection() }
            return
        }
        if transport.isHoldingBack { transport.wireHasRoom() }
        while self.transport != nil, bytes.readableBytes > 0 {
            guard let length = bytes.readInteger(as: UInt32.self), let message = bytes.readBytes(length: Int(length))
            else { throw InvariantViolation(.protocolKept, "a message is cut") }
            try receive(message)
        }
    }

    private func receive(_ bytes: [UInt8]) throws(InvariantViolation) {
        let message: ServerMessage
        do throws(WireError) {
            message = try ServerMessage(bytes)
        } catch {
            throw InvariantViolation(.protocolKept, "\(error)")
        }
        world.mix(UInt64(bytes.count))
        if let violation = check.received(message) {
            throw InvariantViolation(violation.rule, "client \(number): \(violation.message)")
        }
        if case .event(let event) = message { return try receive(event) }
        let request = message.answeredRequest
        world.tell("client \(number) gets \(String(decoding: bytes.prefix(300), as: UTF8.self))")
        if var requests = pipelined {
            let (isMine, violation) = requests.received(message, request)
            pipelined = requests
            if let violation { throw violation }
            if isMine { return }
        }
        if try watched?.received(message) == true { return }
        switch message {
        case .welcome:
            isWelcomed = true
            world.witness.count(.connectionMade)
        case .ping:
            send(ClientMessage(.pong))
        case .snapshot(let thread, let cursor, let state):
            try receive(state, of: thread, at: cursor)
        case .emitted(_, _, let cursors):
            guard let request, let thread = emissions.removeValue(forKey: request) else {
                throw InvariantViolation(.requestsAnswered, "an emission was answered that was not sent")
            }
            if let violation = world.producers[thread].emitted(request, cursors, world.witness) {
                throw violation
            }
        case .error(let refusal):
            guard let request else { return }
            if refusal.code == .acknowledgementNotSent { world.witness.count(.acknowledgementRefused) }
            if let thread = commands.removeValue(forKey: request) {
                commander.refused(thread, request, refusal)
            } else if let thread = emissions.removeValue(forKey: request) {
                world.witness.count(.eventRejected)
                world.producers[thread].refused(request, refusal.code.rawValue)
            } else if let index = followings.firstIndex(of: .asked(request)) {
                world.witness.count(.subscriptionRefused)
                followings[index] = .none
            } else {
                world.witness.count(.subscriptionRefused)
            }
        case .subscribed(_, let thread, _, _):
            guard let index = index(of: thread) else { return }
            followings[index] = .following
        case .unsubscribed(_, let thread, _):
            guard let index = index(of: thread) else { return }
            followings[index] = .none
        case .live(let thread, let cursor):
            guard let index = index(of: thread) else { return }
            if let violation = readers[index].isLive(at: cursor) { throw violation }
        case .reset(let thread, _, _):
            guard let index = index(of: thread) else { return }
            readers[index].reset()
        case .accepted(_, _, let answer):
            guard let request, let thread = commands.removeValue(forKey: request) else {
                throw InvariantViolation(.requestsAnswered, "a command was answered that was not sent")
            }
            commander.answered(thread, request, answer)
        case .snapshotPart, .refreshed, .expiring, .pong, .drain, .event, .membersChanged, .watching, .threads,
            .unwatched, .serving, .run, .renewed, .cancel,
            .other:
            break
        }
    }

    private func index(of thread: ThreadID) -> Int? {
        readers.firstIndex { world.threadID($0.thread) == thread }
    }

    private func receive(_ event: StreamEvent) throws(InvariantViolation) {
        guard let number = world.witness.number(of: event.threadID) else {
            throw InvariantViolation(.isolation, "an event of \(event.threadID), which is nobody's")
        }
        let log = world.witness.thread(number)
        guard log.owner.user == principal.user else {
            throw InvariantViolation(
                .isolation, "client \(self.number) of \(principal.user) gets \(event.cursor) of \(event.threadID)")
        }
        world.mix(event.cursor.sequence)
        if var requests = pipelined {
            let (isMine, violation) = requests.received(.event(event), nil)
            pipelined = requests
            if let violation { throw violation }
            if isMine { return }
        }
        guard let index = index(of: event.threadID) else { return }
        if let violation = readers[index].receive(event, log) { throw violation }
    }

    /// The state is the fold of everything up to its cursor.
    private func receive(_ state: JSONValue, of thread: ThreadID, at cursor: Cursor?) throws(InvariantViolation) {
        guard let number = world.witness.number(of: thread) else {
            throw InvariantViolation(.protocolKept, "a snapshot of no thread")
        }
        guard let cursor else { return }
        let log = world.witness.thread(number)
        guard log.owner.user == principal.user else {
            throw InvariantViolation(.isolation, "client \(self.number) gets the state of \(thread)")
        }
        if let violation = log.difference(from: state, at: cursor) { throw violation }
        world.witness.count(.snapshotGiven)
        guard let index = index(of: thread) else { return }
        readers[index].received(snapshotAt: cursor)
    }

    // MARK: Rest

    /// What keeps the client from being at rest; `nil` when nothing does.
    var restlessness: InvariantViolation? {
        guard isWelcomed, !isStalled else { return InvariantViolation(.liveness, "client \(number) is not connected") }
        if let missing = check.missing {
            return InvariantViolation(missing.rule, "client \(number): \(missing.message)")
        }
        for (index, reader) in readers.enumerated() {
            guard followings[index] == .following else {
                return InvariantViolation(.liveness, "client \(number) follows no thread")
            }
            if let violation = reader.missing(world.witness.thread(reader.thread)) {
                return InvariantViolation(violation.rule, "client \(number): \(violation.message)")
            }
        }
        return watched?.missing
    }
}
