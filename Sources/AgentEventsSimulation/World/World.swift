import AgentEvents
import AgentEventsClient
import AgentEventsHub
import AgentEventsProtocol
import AgentEventsServer

/// A service, its log, its producers and its clients, in one thread and with a clock of its own. Nothing happens in it but
/// what a ``Choice`` says.
final class World {
    static let user: UserID = "u_1"

    let size: WorldSize
    let bug: SeededBug?
    let log: SimulatedLog
    let limits: SimulatedLimits
    var service: SimulatedService?
    var producers: [Producer]
    private(set) var clients: [SimulatedClient] = []
    private let threadIDs: [ThreadID]
    private let clientsThatMerge: [Bool]

    /// Milliseconds.
    var now: Int64 = 1_700_000_000_000
    var timers = TimerQueue()
    /// Sweeps that are set belong to one process.
    var processCount = 0
    /// Is told what happens, in words.
    private let narrator: ((String) -> Void)?
    private(set) var violation: InvariantViolation?
    var counts = OccurrenceCounts()
    /// A digest of everything that happened.
    private(set) var digest: UInt64 = 0xCBF2_9CE4_8422_2325
    /// Whether nothing goes wrong any more, and nothing new is emitted.
    var isSettling = false

    // What may happen next.
    var offering: ReadySet
    var loopsWithJobs: ReadySet
    var working: ReadySet
    var requesting: ReadySet
    var receiving: ReadySet
    var sending: ReadySet
    var taking: ReadySet
    var connecting: ReadySet

    init(seed: UInt64, size: WorldSize, bug: SeededBug?, narrator: ((String) -> Void)? = nil) {
        // Each from numbers of its own, so that the others are the same in a world with fewer.
        func random(_ kind: UInt64, _ number: Int) -> SimulationRandom {
            var random = SimulationRandom(seed: seed ^ kind << 32 ^ UInt64(number))
            return SimulationRandom(seed: random.next())
        }
        self.size = size
        self.bug = bug
        self.narrator = narrator
        threadIDs = (0..<size.threadCount).map { ThreadID(text: IdentifierText(unchecked: "t\($0)")) }
        log = SimulatedLog(owners: threadIDs.map { ThreadOwner(thread: $0, user: Self.user) })
        limits = SimulatedLimits(watermarkByteCount: size.watermarkByteCount)
        producers = (0..<size.threadCount).map { thread in
            var random = random(1, thread)
            return Producer(thread: thread, isRemote: random.once(in: 3))
        }
        clientsThatMerge = (0..<size.clientCount).map { client in
            var random = random(2, client)
            return random.once(in: 3)
        }
        offering = ReadySet(capacity: size.threadCount)
        loopsWithJobs = ReadySet(capacity: size.loopCount)
        working = ReadySet(capacity: size.clientCount)
        requesting = ReadySet(capacity: size.clientCount)
        receiving = ReadySet(capacity: size.clientCount)
        sending = ReadySet(capacity: size.clientCount)
        taking = ReadySet(capacity: size.clientCount)
        connecting = ReadySet(capacity: size.clientCount)
        var inbox = InboxLimits()
        inbox.eventCount = size.inboxEventCount
        startService()
        for number in 0..<size.clientCount {
            var random = random(3, number)
            let readers = Self.readers(number, size, &random)
            clients.append(
                SimulatedClient(
                    number: number, world: self, readers: readers,
                    pipelinedThread: pipelinedThread(number, readers), inbox: inbox))
        }
        for client in clients {
            client.begin(isForgetful: false)
            touch(client.number)
        }
    }

    /// Every other client asks for a thread that it does not read, and leaves it again, without waiting for answers.
    private func pipelinedThread(_ number: Int, _ readers: [ThreadReader]) -> ThreadID? {
        guard number.isMultiple(of: 2), readers.count < size.threadCount, let last = readers.last else { return nil }
        return threadID((last.thread + 1) % size.threadCount)
    }

    private static func readers(
        _ number: Int,
        _ size: WorldSize,
        _ random: inout SimulationRandom
    ) -> [ThreadReader] {
        let first = random.below(size.threadCount)
        let consumer =
            random.once(in: 3) ? ConsumerName(text: IdentifierText(unchecked: "c\(number)")) : nil
        let start: StartPosition = random.once(in: 5) ? .now : .start
        let remembers = random.once(in: 2)
        return (0..<size.followedCount).map { index in
            ThreadReader(
                thread: (first + index) % size.threadCount, consumer: consumer, start: start, remembers: remembers)
        }
    }

    func threadID(_ thread: Int) -> ThreadID { threadIDs[thread] }

    func merges(_ client: Int) -> Bool { clientsThatMerge[client] }

    var time: Timestamp { Timestamp(milliseconds: now) }

    // MARK: What happened

    /// For whom wants to see it all.
    func tell(_ text: @autoclosure () -> String) {
        if let narrator { narrator(text()) }
    }

    /// The first violation stands.
    func fail(_ violation: InvariantViolation) {
        if self.violation == nil { self.violation = violation }
    }

    /// Takes something that happened into the digest.
    func mix(_ value: UInt64) { digest = (digest ^ value) &* 0x0000_0100_0000_01B3 }

    func didWrite(_ batch: FramedBatch, from frame: Int, _ connection: SimulatedConnection) {
        if connection.pendingEventByteCount > limits.maximumPendingEventByteCount {
            fail(
                InvariantViolation(
                    .boundedMemory,
                    "\(connection.pendingEventByteCount) bytes of events wait for client \(connection.client), "
                        + "at most \(limits.maximumPendingEventByteCount) should"))
        }
        // Written by a process whose log it is: there can be no other event of this number (I1).
        if log.threads[batch.thread].event(batch.lastSequence)?.id != batch.lastID {
            fail(
                InvariantViolation(
                    .committedBeforeVisible, "\(batch.lastID) of \(threadID(batch.thread)) was sent and is not logged"))
        }
        touch(connection.client)
    }

    private func handled(_ thread: Int, by client: Int) -> Cursor? {
        clients[client].readers.first { $0.thread == thread }?.handled
    }

    /// The service takes an acknowledgement (I10).
    func didAcknowledge(_ cursor: Cursor, _ thread: Int, of client: Int, sent: Cursor?) {
        // Of a thread that nobody reads, everything counts as handled.
        let isRead = clients[client].readers.contains { $0.thread == thread }
        let isHandled = handled(thread, by: client).map { !cursor.isNewer(than: $0) } ?? !isRead
        guard !isHandled || sent.map({ cursor.sequence > $0.sequence }) ?? true else { return }
        fail(InvariantViolation(.sentIsNotAcknowledged, "client \(client) has not handled \(cursor)"))
    }

    /// An acknowledgement is stored (I10).
    func didStore(_ cursor: Cursor, _ key: ConsumerKey) {
        counts[.acknowledgementStored] += 1
        guard let client = Int(key.consumer.rawValue.dropFirst()),
            let handled = handled(log.number(of: key.thread), by: client), !cursor.isNewer(than: handled)
        else {
            return fail(InvariantViolation(.sentIsNotAcknowledged, "stored is \(cursor), which was not handled"))
        }
    }

    // MARK: What may happen

    func setTimer(_ owner: TimerOwner, after milliseconds: Int64) {
        timers.add(owner, at: now + milliseconds, stamp: stamp(of: owner))
    }

    /// What a timer is set for is over when this has changed.
    func stamp(of owner: TimerOwner) -> Int {
        switch owner {
        case .reconnect(let client), .acknowledgements(let client), .patience(let client), .silence(let client):
            clients[client].stamp
        case .sweep, .closeDeadline, .saveAcknowledgements, .leave, .deadlines, .start:
            processCount
        }
    }

    func touchLoop(_ loop: Int) { loopsWithJobs.set(loop, service?.loops[loop].hasJobs ?? false) }

    func touchProducer(_ thread: Int) {
        let isReady = producers[thread].state == .free && service.map(\.takesEvents) ?? false
        offering.set(thread, isReady && !isSettling)
    }

    /// Something about a client has changed.
    func touch(_ number: Int) {
        guard number < clients.count else { return }
        let client = clients[number]
        receiving.set(number, client.isReadyToReceive)
        sending.set(number, client.isReadyToSend)
        taking.set(number, client.isReadyToTake)
        connecting.set(number, client.phase == .connecting)
        working.set(number, service != nil && session(of: number) { !$0.jobs.isEmpty } != nil)
        requesting.set(number, service != nil && session(of: number) { $0.reads && $0.connection.hasInbound } != nil)
    }

    /// The first of a client's sessions with a property; the oldest first.
    func session(of number: Int, where condition: (SimulatedSession) -> Bool) -> SimulatedSession? {
        let client = clients[number]
        for session in client.left where condition(session) { return session }
        guard let session = client.session, condition(session) else { return nil }
        return session
    }
}
