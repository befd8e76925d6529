import AgentEvents
import AgentEventsClient
import AgentEventsHub
import AgentEventsProtocol
import Synchronization

/// The code of an application, and what it remembers: it follows threads with the Swift client, some of them as a consumer
/// that acknowledges, and emits events. What its followers are given is compared with the log, and each of its emissions is
/// to be logged once.
final class ApplicationProgram: Sendable {
    /// How a program is made.
    struct Plan {
        var readers: [ThreadReader]
        /// Whether those with a consumer leave following and acknowledging to the client.
        var consumes: Bool
        /// Emits events of runs, one request at a time.
        var producer: RemoteProducer?
        /// The thread that lines are fed into; `nil` for none.
        var fedThread: Int?
        /// Gives commands about threads of its user; `nil` for none.
        var commander: Commander?
        var commandedThreads: [Int] = []
        /// The time for which its tokens count, in milliseconds; `nil` for ever.
        var tokenLife: Int64?
        /// The largest number of threads in the list that it follows; `nil` for no list.
        var listLimit: Int?
        var inbox: InboxLimits
    }

    private struct State {
        var readers: [ThreadReader]
        var producer: RemoteProducer?
        var random: SimulationRandom
        /// The readers that have forgotten what they were given.
        var forgetful: Set<Int> = []
        var lastNumber: Int64 = 0
        var feedCount = 0
        /// The readers whose history is void: they consume from the start.
        var beginsAtStart: Set<Int> = []
        /// The last acknowledgements of the readers, and the number of losses by then.
        var acknowledged: [Int: (cursor: Cursor, lossCount: Int)] = [:]
    }

    private let number: Int
    private let user: UserID
    private let world: Application.WorldParts
    private let plan: Plan
    private let client: StreamClient
    private let record: ApplicationRecord
    private let commands: ProgramOfCommands?
    private let list: ProgramOfList?
    private let state: Mutex<State>

    init(number: Int, user: UserID, plan: Plan, client: StreamClient, world: Application.WorldParts, seed: UInt64) {
        self.number = number
        self.user = user
        self.plan = plan
        self.client = client
        self.world = world
        let record = ApplicationRecord(number: number, witness: world.witness)
        self.record = record
        commands = plan.commander.map {
            ProgramOfCommands($0, threads: plan.commandedThreads, client, record, seed: seed ^ 2)
        }
        list = plan.listLimit.map { ProgramOfList(of: user, limit: $0, client, record, seed: seed ^ 3) }
        state = Mutex(State(readers: plan.readers, producer: plan.producer, random: SimulationRandom(seed: seed)))
    }

    private func threadID(_ thread: Int) -> ThreadID { world.owners[thread].thread }

    private func fail(_ rule: InvariantViolation.Rule, _ message: String) { record.fail(rule, message) }

    private func fail(_ violation: InvariantViolation) { fail(violation.rule, violation.message) }

    private func draw<Value>(_ body: (inout SimulationRandom) -> Value) -> Value {
        var value: Value?
        state.withLock { value = body(&$0.random) }
        guard let value else { preconditionFailure("the body is called") }
        return value
    }

    private var isSettling: Bool { record.isSettling }

    // MARK: What happens to it

    var isTokenExpired: Bool {
        get { record.isTokenExpired }
        set { record.isTokenExpired = newValue }
    }

    /// All that it remembers is gone.
    func forget() {
        state.withLock { state in
            state.forgetful = Set(state.readers.indices)
            state.producer?.giveUp()
        }
    }

    /// Events of runs may be lost: what it emits is not about them.
    func giveUp() {
        state.withLock { $0.producer?.giveUp() }
        commands?.commander.giveUp()
    }

    /// The service's process is gone.
    func lostProcess() { commands?.commander.lostProcess() }

    /// Nothing new is begun any longer.
    func settle() { record.settle() }

    /// What is missing at the end; `nil` when nothing is.
    var missing: InvariantViolation? {
        let (readers, producer) = state.withLock { ($0.readers, $0.producer) }
        if producer?.isIdle == false { return InvariantViolation(.requestsAnswered, "an emission has no answer") }
        if let missing = list?.missing ?? missingAcknowledgement { return missing }
        return readers.lazy.compactMap { $0.missing(self.world.witness.thread($0.thread)) }.first
    }

    /// An acknowledgement that was never stored: each is in the end, however little comes after it.
    private var missingAcknowledgement: InvariantViolation? {
        let lossCount = world.witness.lossCount
        let acknowledged = state.withLock { $0.acknowledged }
        for (index, last) in acknowledged.sorted(by: { $0.key < $1.key }) where last.lossCount == lossCount {
            let reader = plan.readers[index]
            guard let consumer = reader.consumer, !world.witness.thread(reader.thread).lost.contains(last.cursor) else {
                continue
            }
            let thread = threadID(reader.thread)
            let stored = world.witness.stored(ConsumerKey(thread: thread, user: user, consumer: consumer).name, thread)
            guard stored.map({ last.cursor.isNewer(than: $0) }) ?? true else { continue }
            return InvariantViolation(.liveness, "\(last.cursor) of \(thread) is acknowledged, and never stored")
        }
        return nil
    }

    // MARK: The program

    func run(_ life: ApplicationLife) async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.follow(life) }
            if plan.producer != nil { group.addTask { await self.emit(life) } }
            if plan.fedThread != nil { group.addTask { await self.feed(life) } }
            if let commands { group.addTask { await commands.run(life) } }
            if let list { group.addTask { await list.run(life) } }
        }
    }

    // MARK: Following

    private func follow(_ life: ApplicationLife) async {
        repeat {
            do {
                try await client.withStream { stream in
                    life.follows(stream)
                    try await withThrowingTaskGroup(of: Bool.self) { group in
                        defer { group.cancelAll() }
                        group.addTask {
                            for await state in stream.states { life.count(state, self.world.witness) }
                            return false
                        }
                        for index in plan.readers.indices {
                            group.addTask {
                                try await self.read(index, stream, life)
                                return true
                            }
                        }
                        // One reader that leaves ends the stream.
                        while let leaves = try await group.next(), !leaves {}
                    }
                }
            } catch {
                record.didEnd(with: error, life)
            }
            life.follows(nil)
        } while await life.pauses.pause()
    }

    /// Follows a thread, leaves it, and follows it again.
    private func read(_ index: Int, _ stream: EventStream, _ life: ApplicationLife) async throws {
        while life.isCurrent {
            let reader = plan.readers[index]
            if let consumer = reader.consumer, plan.consumes {
                try await consume(index, consumer, stream, life)
            } else {
                let start = begin(index)
                try await stream.withEvents(of: threadID(reader.thread), from: start, consumer: reader.consumer) {
                    try await take(index, $0, life)
                }
            }
            if !isSettling, draw({ $0.once(in: 3) }) { return }
        }
    }

    private func begin(_ index: Int) -> StartPosition? {
        state.withLock { state in
            state.acknowledged[index] = nil
            let log = world.witness.thread(state.readers[index].thread)
            return state.readers[index].begin(log, isForgetful: state.forgetful.remove(index) != nil)
        }
    }

    private func take(_ index: Int, _ events: ThreadFollower, _ life: ApplicationLife) async throws {
        for try await element in events {
            guard life.isCurrent else { return }
            switch element {
            case .event(let event):
                receive(event, index)
            case .reset:
                state.withLock { $0.readers[index].reset() }
            case .live(let cursor):
                let violation = state.withLock { $0.readers[index].isLive(at: cursor) }
                if let violation { fail(violation) }
            case .interrupted:
                continue
            }
            guard await life.pauses.pause() else { return }
            if draw({ $0.once(in: 3) }) { try acknowledge(index, events) }
            if !isSettling, draw({ $0.once(in: 60) }) { return }
        }
    }

    private func receive(_ event: StreamEvent, _ index: Int) {
        world.witness.count(.eventTaken)
        let log = world.witness.thread(plan.readers[index].thread)
        let violation = state.withLock { $0.readers[index].receive(event, log) }
        if let violation { fail(violation) }
    }

    private func mayStore(_ cursor: Cursor, _ reader: ThreadReader) {
        guard let consumer = reader.consumer else { return }
        let thread = threadID(reader.thread)
        world.witness.mayStore(
            cursor, ConsumerKey(thread: thread, user: user, consumer: consumer).name, thread)
    }

    private func acknowledge(_ index: Int, _ events: ThreadFollower) throws {
        let reader = state.withLock { $0.readers[index] }
        guard let last = reader.last, reader.takenSinceAcknowledged > 0 else { return }
        mayStore(last, reader)
        do throws(AgentEventsClientError) {
            try events.acknowledge(last)
        } catch {
            fail(.sentIsNotAcknowledged, "\(error)")
        }
        let lossCount = world.witness.lossCount
        state.withLock { state in
            state.readers[index].didAcknowledge()
            state.acknowledged[index] = (last, lossCount)
        }
    }

    /// The client follows and acknowledges by itself.
    private func consume(
        _ index: Int,
        _ consumer: ConsumerName,
        _ stream: EventStream,
        _ life: ApplicationLife
    ) async throws {
        _ = begin(index)
        let isVoid = state.withLock { $0.beginsAtStart.remove(index) != nil }
        if isVoid { state.withLock { $0.readers[index].reset() } }
        let reader = plan.readers[index]
        do {
            try await stream.consume(threadID(reader.thread), from: isVoid ? .start : nil, consumer: consumer) {
                event in
                guard life.isCurrent else { throw CancellationError() }
                receive(event, index)
                guard await life.pauses.pause() else { throw CancellationError() }
                if !isSettling, draw({ $0.once(in: 60) }) { throw ApplicationLeft() }
                mayStore(event.cursor, reader)
            }
        } catch is ApplicationLeft {
            return
        } catch let error as AgentEventsClientError where error.code == .reset {
            if life.isCurrent { state.withLock { _ = $0.beginsAtStart.insert(index) } }
        }
    }

    // MARK: Emitting

    private func emit(_ life: ApplicationLife) async {
        while await life.pauses.pause() {
            if isSettling, state.withLock({ $0.producer?.isIdle != false }) { return }
            do {
                try await client.withEmitter { emitter in
                    repeat {
                        guard try await emitNext(emitter, life) else { return }
                    } while await life.pauses.pause()
                }
            } catch {
                record.didEnd(with: error, life)
            }
        }
    }

    /// - Returns: whether to go on over the same connection.
    private func emitNext(_ emitter: EventEmitter, _ life: ApplicationLife) async throws -> Bool {
        let sent = state.withLock { state -> (number: Int64, request: EmitRequest)? in
            if record.isSettling, state.producer?.isIdle != false { return nil }
            state.lastNumber += 1
            let number = state.lastNumber
            guard let thread = state.producer?.thread else { return nil }
            guard let request = state.producer?.send(number, to: world.owners[thread], &state.random) else {
                return nil
            }
            return (number, request)
        }
        guard let (number, request) = sent else { return false }
        do {
            let cursors = try await emitter.emit(
                request.drafts, thread: request.thread, user: request.user, key: request.key)
            guard life.isCurrent else {
                state.withLock { $0.producer?.lost(number) }
                return false
            }
            let violation = state.withLock { $0.producer?.emitted(number, cursors, world.witness) }
            if let violation = violation ?? nil { fail(violation) }
        } catch {
            guard life.isCurrent, let refusal = (error as? AgentEventsClientError)?.refusal else {
                state.withLock { $0.producer?.lost(number) }
                throw error
            }
            world.witness.count(.eventRejected)
            state.withLock { $0.producer?.refused(number, refusal.code.rawValue) }
        }
        return draw { !$0.once(in: 8) }
    }

    /// Feeds lines, each of which is to be logged once.
    private func feed(_ life: ApplicationLife) async {
        guard let thread = plan.fedThread else { return }
        while await life.pauses.pause() {
            if isSettling { return }
            let (name, count) = state.withLock { state in
                state.feedCount += 1
                return ("f\(number)_\(state.feedCount)", 1 + state.random.below(12))
            }
            var configuration = EmitConfiguration(keyPrefix: name)
            configuration.user = world.owners[thread].user
            configuration.maximumBatchCount = 1 + draw { $0.below(4) }
            let feed = EventFeed(client: client, configuration: configuration)
            let reported = Mutex(0)
            do {
                try await feed.run { feed in
                    for line in 1...count {
                        guard await life.pauses.pause() else { throw CancellationError() }
                        if self.draw({ $0.once(in: 20) }) { feed.interrupt() }
                        try await feed.emit(self.line(line, of: name, thread))
                    }
                } reporting: { cursors in
                    reported.withLock { $0 += cursors.count }
                    if life.isCurrent { self.didCommit(cursors, thread) }
                } noting: { _ in
                }
                let committed = feed.progress.committedCount
                if life.isCurrent, committed != reported.withLock({ $0 }) {
                    fail(.acknowledgedIsKept, "\(committed) lines are committed, and others reported")
                }
            } catch EmitFailure.unavailable(let error, _) {
                record.didEnd(with: error, life)
            } catch {
                record.didEnd(with: error, life)
            }
        }
    }

    private func line(_ line: Int, of name: String, _ thread: Int) throws -> EmitItem {
        let draft = EventDraft(.custom(CustomEvent(name: SimulatedThread.onceName, value: .string("\(name) \(line)"))))
        return EmitItem(line: line, thread: threadID(thread), bytes: try EventEncoder.encodeDraft(draft))
    }

    private func didCommit(_ cursors: [Cursor], _ thread: Int) {
        world.witness.count(.lineFed, cursors.count)
        let log = world.witness.thread(thread)
        for cursor in cursors where log.event(cursor.sequence)?.id != cursor && !log.lost.contains(cursor) {
            fail(.acknowledgedIsKept, "\(cursor) of \(threadID(thread)) is reported and not in the log")
        }
    }
}
