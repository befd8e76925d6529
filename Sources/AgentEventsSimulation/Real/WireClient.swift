import AgentEvents
import AgentEventsClient
import AgentEventsHub
import AgentEventsProtocol
import NIOCore

/// A client as the service sees it: messages over a connection that may break, be slow or be half gone. It checks everything
/// that comes.
final class WireClient: WireRecording {
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
    private let foreignThread: Int?
    private let merges: Bool
    private let takesSnapshots: Bool
    private var lastNumber: Int64 = 0

    // The connection.
    private(set) var channel: SimulatedChannel?
    private(set) var loop: SimulatedEventLoop?
    private var isWelcomed = false
    private var hasAskedForForeign = false
    private var emissions: [Int64: Int] = [:]
    var isStalled = false
    var nextSequences: [ThreadID: UInt64] = [:]
    private(set) var unanswered: [ThreadID: [Int64]] = [:]

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
        principal = Principal(user: user, scopes: [.read, .emit, .command])
        followings = readers.map { _ in .none }
        pipelined = pipelinedThread.map { PipelinedRequests(thread: $0) }
        merges = random.once(in: 2)
        takesSnapshots = random.once(in: 4)
    }

    // MARK: The connection

    var isConnected: Bool { channel != nil }
    var isReadyToReceive: Bool { channel.map { $0.wire.hasNews && !isStalled } ?? false }
    var mayEmit: Bool { isWelcomed && !isStalled && channel?.wire.isEnded == false }

    /// Whether there is something that it has to send.
    var hasToSend: Bool { mayEmit && followings.contains(.none) }

    func connected(_ channel: SimulatedChannel, on loop: SimulatedEventLoop) {
        self.channel = channel
        self.loop = loop
        isStalled = false
        pipelined?.connected()
    }

    /// - Parameter tellsService: whether the service learns of it.
    func disconnect(tellsService: Bool, keeping count: Int) {
        guard let channel else { return }
        channel.wire.leave(keeping: count)
        if tellsService { channel.eventLoop.execute { channel.lose() } }
        forgetConnection()
    }

    private func forgetConnection() {
        channel = nil
        loop = nil
        isWelcomed = false
        isStalled = false
        hasAskedForForeign = false
        followings = readers.map { _ in .none }
        nextSequences = [:]
        unanswered = [:]
        for (number, thread) in emissions.sorted(by: { $0.key < $1.key }) { world.producers[thread].lost(number) }
        emissions = [:]
    }

    /// The application dies with all it remembers.
    func crash() {
        disconnect(tellsService: true, keeping: 0)
        isForgetful = true
    }

    func answer(_ number: Int64, of thread: ThreadID) -> Bool {
        guard unanswered[thread]?.first == number else { return false }
        unanswered[thread]?.removeFirst()
        if unanswered[thread]?.isEmpty == true { unanswered[thread] = nil }
        return true
    }

    // MARK: Sending

    private func send(_ text: [UInt8]) { channel?.wire.send([1] + text) }

    private func send(_ request: ClientMessage) {
        var request = request
        switch request.operation {
        case .subscribe(var subscribe):
            unanswered[subscribe.thread, default: []].append(request.number)
            subscribe.merges = merges
            if takesSnapshots { subscribe.snapshot = .onReset }
            request.operation = .subscribe(subscribe)
        case .unsubscribe(let thread):
            unanswered[thread, default: []].append(request.number)
        case .acknowledge, .ping, .pong, .emit:
            break
        }
        do throws(WireError) {
            send(try request.encoded())
        } catch {
            preconditionFailure("a client sends what can be written: \(error)")
        }
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
        send(ClientMessage(tag: RequestTag(number: number), .unsubscribe(world.threadID(readers[index].thread))))
        return true
    }

    private func subscribe(_ index: Int) {
        let thread = readers[index].thread
        let start = readers[index].begin(world.witness.thread(thread), isForgetful: isForgetful)
        let number = nextNumber()
        followings[index] = .asked(number)
        let request = SubscribeRequest(
            thread: world.threadID(thread), start: start, consumer: readers[index].consumer)
        send(ClientMessage(tag: RequestTag(number: number), .subscribe(request)))
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
        send(ClientMessage(tag: RequestTag(number: nextNumber()), .acknowledge(thread, cursor: cursor)))
        return true
    }

    /// What the readers do not ask for.
    private func sendBeside(_ random: inout SimulationRandom) -> Bool {
        if let foreignThread, !hasAskedForForeign {
            hasAskedForForeign = true
            let request = SubscribeRequest(thread: world.threadID(foreignThread), start: .now)
            send(ClientMessage(tag: RequestTag(number: nextNumber()), .subscribe(request)))
            return true
        }
        if random.once(in: 12), let index = readers.indices.first {
            return overreach(index)
        }
        guard var requests = pipelined else { return false }
        let items = requests.next(&random, emits: true)
        pipelined = requests
        for item in items {
            switch item {
            case .request(let request): send(request)
            case .emit(let number, let thread):
                unanswered[thread, default: []].append(number)
                let owner = world.witness.thread(world.witness.number(of: thread) ?? 0).owner
                send(
                    Array(
                        #"{"op":"emit","req":\#(number),"thread_id":"\#(thread)","user_id":"\#(owner.user)","events":[{"type":"custom","data":{"name":"beside","value":\#(number)}}]}"#
                            .utf8))
            case .pongFrame, .closeFrame, .end: break
            }
        }
        return !items.isEmpty
    }

    /// Acknowledges what was not sent: refused, and never stored.
    private func overreach(_ index: Int) -> Bool {
        guard followings[index] == .following, let last = readers[index].last else { return false }
        let beyond = Cursor(generation: last.generation, sequence: last.sequence + 1_000_000)
        let thread = world.threadID(readers[index].thread)
        send(ClientMessage(tag: RequestTag(number: nextNumber()), .acknowledge(thread, cursor: beyond)))
        return true
    }

    /// Sends the events of a producer.
    func emit(_ thread: Int, _ random: inout SimulationRandom) {
        // No other client has it.
        let number = nextNumber() + Int64(number + 1) << 24
        let owner = world.witness.thread(thread).owner
        emissions[number] = thread
        unanswered[owner.thread, default: []].append(number)
        send(world.producers[thread].send(number, to: owner, &random))
    }

    // MARK: Receiving

    /// Takes what comes next.
    func receive() throws(InvariantViolation) {
        guard let channel else { return }
        guard var bytes = channel.wire.take() else {
            if channel.wire.isEnded { forgetConnection() }
            return
        }
        if channel.isHoldingBack { channel.eventLoop.execute { channel.wireHasRoom() } }
        while self.channel != nil, bytes.readableBytes > 0 {
            guard let opcode = bytes.readInteger(as: UInt8.self), let short = bytes.readInteger(as: UInt8.self) else {
                throw InvariantViolation(.protocolKept, "a frame is cut")
            }
            let length: Int? =
                switch short {
                case 126: bytes.readInteger(as: UInt16.self).map(Int.init)
                case 127: bytes.readInteger(as: UInt64.self).map(Int.init)
                default: Int(short)
                }
            guard let length, let payload = bytes.readBytes(length: length) else {
                throw InvariantViolation(.protocolKept, "a frame is cut")
            }
            switch opcode {
            case 0x88:
                channel.wire.send([8] + payload.prefix(2))
            case 0x89:
                channel.wire.send([10] + payload)
            case 0x8A:
                break
            default:
                try receive(payload)
            }
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
        if case .event(let event) = message { return try receive(event) }
        guard let value = try? JSONValue(parsing: bytes) else { return }
        let request = value["req"]?.integerValue
        world.tell("client \(number) gets \(String(decoding: bytes.prefix(300), as: UTF8.self))")
        WireCheck.note(message, on: self)
        if case .error(let refusal) = message, refusal.code == .stopping {
            try stopped(request, refusal.thread)
        } else if let violation = WireCheck.answer(message, to: request, on: self) {
            throw violation
        }
        if var requests = pipelined {
            let (isMine, violation) = requests.received(message, request)
            pipelined = requests
            if let violation { throw violation }
            if isMine { return }
        }
        switch message {
        case .welcome:
            isWelcomed = true
            world.witness.count(.connectionMade)
        case .ping:
            send(Array(#"{"op":"pong"}"#.utf8))
        case .drain:
            world.witness.count(.drained)
        case .snapshot, .snapshotPart:
            try receive(snapshot: value)
        case .emitted(_, _, let cursors):
            guard let request, let thread = emissions.removeValue(forKey: request) else {
                throw InvariantViolation(.requestsAnswered, "an emission was answered that was not sent")
            }
            world.witness.count(.emissionAcknowledged)
            if let violation = world.producers[thread].emitted(request, cursors, world.witness.thread(thread)) {
                throw violation
            }
        case .error(let refusal):
            world.witness.count(.subscriptionRefused)
            guard let request else { return }
            if let thread = emissions.removeValue(forKey: request) {
                world.producers[thread].refused(request, refusal.code.rawValue)
            } else if let index = followings.firstIndex(of: .asked(request)) {
                followings[index] = .none
            }
        case .subscribed(_, let thread, let after, _):
            guard let index = index(of: thread) else { return }
            followings[index] = .following
            world.witness.count(after == nil ? .subscribed : .resumed)
        case .unsubscribed(_, let thread):
            guard let index = index(of: thread) else { return }
            followings[index] = .none
        case .live(let thread, let cursor):
            guard let index = index(of: thread) else { return }
            world.witness.count(.wentLive)
            if let violation = readers[index].isLive(at: cursor) { throw violation }
        case .reset(let thread, let reason, _):
            world.witness.count(reason == .diverged ? .resetDiverged : .resetTrimmed)
            guard let index = index(of: thread) else { return }
            readers[index].reset()
        case .event, .pong, .other:
            break
        }
    }

    /// What comes too late for a service that stops is refused at once, and before what came earlier is answered.
    private func stopped(_ request: Int64?, _ thread: ThreadID?) throws(InvariantViolation) {
        guard let request, let thread, let index = unanswered[thread]?.firstIndex(of: request) else {
            throw InvariantViolation(.requestsAnswered, "a request was refused that was not due")
        }
        unanswered[thread]?.remove(at: index)
        if unanswered[thread]?.isEmpty == true { unanswered[thread] = nil }
    }

    private func index(of thread: ThreadID) -> Int? {
        readers.firstIndex { world.threadID($0.thread) == thread }
    }

    private func receive(_ event: StreamEvent) throws(InvariantViolation) {
        guard let number = world.witness.number(of: event.thread) else {
            throw InvariantViolation(.isolation, "an event of \(event.thread), which is nobody's")
        }
        let log = world.witness.thread(number)
        guard log.owner.user == principal.user else {
            throw InvariantViolation(
                .isolation, "client \(self.number) of \(principal.user) gets \(event.cursor) of \(event.thread)")
        }
        world.mix(event.cursor.sequence)
        world.witness.count(.eventDelivered)
        if event.firstSequence < event.cursor.sequence { world.witness.count(.eventMerged) }
        if let violation = WireCheck.order(event, on: self, log) { throw violation }
        if var requests = pipelined {
            let (isMine, violation) = requests.received(.event(event), nil)
            pipelined = requests
            if let violation { throw violation }
            if isMine { return }
        }
        guard let index = index(of: event.thread) else { return }
        if let violation = readers[index].receive(event, log) { throw violation }
    }

    /// The state is the fold of everything up to its cursor.
    private func receive(snapshot value: JSONValue) throws(InvariantViolation) {
        guard let thread = value["thread_id"]?.stringValue.flatMap({ try? ThreadID($0) }),
            let number = world.witness.number(of: thread)
        else { throw InvariantViolation(.protocolKept, "a snapshot of no thread") }
        let log = world.witness.thread(number)
        guard log.owner.user == principal.user || value["cursor"] == .null else {
            throw InvariantViolation(.isolation, "client \(self.number) gets the state of \(thread)")
        }
        guard let cursor = value["cursor"]?.stringValue.flatMap({ Cursor($0) }) else { return }
        if log.lost.isEmpty, cursor.sequence <= 200 {
            var state = ThreadState()
            for sequence in 1...max(1, cursor.sequence) {
                guard let stored = log.event(sequence), let event = try? EventDecoder.decode(stored.bytes) else {
                    break
                }
                state.apply(event)
            }
            guard value["state"] == state.json else {
                throw InvariantViolation(.sameBytes, "\(thread): the state at \(cursor) is not the fold of its events")
            }
        }
        world.witness.count(.recentServed)
        nextSequences[thread] = cursor.sequence + 1
        guard let index = index(of: thread) else { return }
        readers[index].received(snapshotAt: cursor)
    }

    // MARK: Rest

    /// What keeps the client from being at rest; `nil` when nothing does.
    var restlessness: InvariantViolation? {
        guard isWelcomed, !isStalled else { return InvariantViolation(.liveness, "client \(number) is not connected") }
        if let (thread, numbers) = unanswered.first(where: { !$0.value.isEmpty }) {
            return InvariantViolation(.requestsAnswered, "client \(number): \(thread) \(numbers) have no answer")
        }
        for (index, reader) in readers.enumerated() {
            guard followings[index] == .following else {
                return InvariantViolation(.liveness, "client \(number) follows no thread")
            }
            if let violation = reader.missing(world.witness.thread(reader.thread)) {
                return InvariantViolation(violation.rule, "client \(number): \(violation.message)")
            }
        }
        return nil
    }
}
