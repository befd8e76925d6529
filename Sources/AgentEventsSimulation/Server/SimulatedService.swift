import AgentEvents
import AgentEventsClient
import AgentEventsHub
import AgentEventsProtocol
import AgentEventsServer

/// Mirrors `AgentEventsService`, `StreamDelivery` and `ConsumerAcknowledgements`: one process, from its start to its end.
final class SimulatedService {
    /// How long acknowledgements are gathered before they are saved.
    static let saveMilliseconds: Int64 = 200

    unowned let world: World
    let limits: SimulatedLimits
    let runtime: SimulatedRuntime
    let loops: [SimulatedLoop]
    /// Up to where commits were published.
    private(set) var publishedPosition: UInt64 = 0
    let pages: SimulatedPages
    var ledger = AcknowledgementLedger(maximumCount: 8)
    /// Set when the service is about to stop.
    private(set) var spread: ReconnectSpread?
    private(set) var isLeaving = false
    /// Whose runs were open when the process before ended, and are still to be ended.
    var threadsWithLostRuns: ArraySlice<Int> = []

    init(world: World, limits: SimulatedLimits, runtime: SimulatedRuntime, loopCount: Int) {
        self.world = world
        self.limits = limits
        self.runtime = runtime
        pages = SimulatedPages(log: world.log, pageByteCount: limits.pageByteCount)
        loops = (0..<loopCount).map { SimulatedLoop(number: $0, threadCount: world.log.threads.count, limits: limits) }
    }

    var takesEvents: Bool { threadsWithLostRuns.isEmpty && !runtime.isClosed }

    // MARK: Connections

    func accept(_ client: Int) -> SimulatedSession {
        let connection = SimulatedConnection(client: client, highWater: limits.watermarkByteCount)
        let loop = loops[client % loops.count]
        let session = SimulatedSession(client: client, connection: connection, loop: loop, service: self)
        session.begin()
        return session
    }

    func setCloseDeadline(_ session: SimulatedSession) {
        world.setTimer(.closeDeadline(client: session.client), after: limits.closeMilliseconds)
    }

    func sweep(_ loop: Int, elapsed milliseconds: UInt32) {
        for session in loops[loop].sessions { session.sweep(elapsed: milliseconds) }
        pages.expire(now: world.now)
    }

    // MARK: Consumers

    func key(of consumer: ConsumerName, _ thread: Int) -> ConsumerKey {
        ConsumerKey(thread: world.threadID(thread), user: World.user, consumer: consumer)
    }

    /// - Returns: whether the acknowledgement will be saved.
    func acknowledge(_ key: ConsumerKey, _ cursor: Cursor) -> Bool {
        switch ledger.acknowledge(key, cursor) {
        case .none: return true
        case .wake:
            world.setTimer(.saveAcknowledgements, after: Self.saveMilliseconds)
            return true
        case .reject: return false
        }
    }

    func saveAcknowledgements() {
        for (key, cursor) in ledger.takeWaiting() {
            world.log.acknowledgements[key] = cursor
            world.didStore(cursor, key)
        }
        ledger.saved()
    }

    // MARK: Commits

    /// Tells the loops that follow the threads of a commit.
    func publish(_ entries: [LogEntry], upTo position: UInt64) {
        publishedPosition = position
        var order: [Int] = []
        var events: [Int: [StoredEvent]] = [:]
        for entry in entries {
            let thread = world.log.number(of: entry.owner.thread)
            guard loops.contains(where: { $0.listens(to: thread) }) else { continue }
            if events[thread] == nil { order.append(thread) }
            events[thread, default: []].append(
                StoredEvent(thread: entry.owner.thread, id: entry.id, bytes: entry.bytes))
        }
        let batches = order.compactMap { thread in events[thread].map { FramedBatch($0, thread: thread) } }
        for loop in loops {
            let interesting = batches.filter { loop.listens(to: $0.thread) }
            guard !interesting.isEmpty || loop.awaitingCount > 0 else { continue }
            loop.post(interesting.map { SimulatedCommit($0) }, upTo: position)
            world.touchLoop(loop.number)
        }
    }

    // MARK: Emissions

    enum EmitOutcome {
        case accepted([EventID], position: UInt64)
        /// Nothing more is taken.
        case refused
    }

    /// Emits an event that comes over a stream.
    ///
    /// - Returns: `nil` when it is to be tried again: there is no room, or the context has to wait.
    func emit(_ emission: SimulatedEmissions.Emission) -> EmitOutcome? {
        guard !runtime.isClosed else { return .refused }
        guard threadsWithLostRuns.isEmpty, runtime.pendingByteCount < SimulatedRuntime.highWaterByteCount else {
            return nil
        }
        do throws(InvariantViolation) {
            guard try runtime.openContext(emission.thread) != nil else { return nil }
            let draft = EventDraft(.custom(CustomEvent(name: "client", value: .integer(emission.number))))
            switch try runtime.emit([draft], in: emission.thread, at: world.time) {
            case .accepted(let accepted, let position, _):
                return .accepted(accepted.ids, position: position)
            case .rejected(let violation):
                throw InvariantViolation(.wellFormedRuns, "refused: \(violation)")
            case .unavailable:
                return .refused
            }
        } catch {
            world.fail(error)
            return .refused
        }
    }

    // MARK: The end

    /// The service is about to stop.
    func drain() {
        let spread = ReconnectSpread(maximumMilliseconds: 3000, loopCount: loops.count)
        self.spread = spread
        for loop in loops {
            for (index, session) in loop.sessions.enumerated() {
                session.drain(spread.milliseconds(index, of: loop.sessions.count, fraction: 0.5))
            }
        }
    }

    /// The service stops: every connection is closed.
    func leave() {
        isLeaving = true
        for loop in loops {
            for session in loop.sessions { session.goAway() }
        }
    }
}
