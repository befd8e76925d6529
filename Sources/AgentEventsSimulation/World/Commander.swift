import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import Synchronization

/// People who stop, pause and resume the runs of threads, over the streams of clients and past them: one command of a thread
/// at a time, sent again with its key until it is answered, and now and then once more after that.
final class Commander: Sendable {
    private struct State {
        /// The commands that have no answer, by the thread.
        var pending: [Int: CommandRequest] = [:]
        /// The commands that are on their way, by the way: one may be on two, and on one after it was answered on the other.
        var inFlight: [Int64: CommandRequest] = [:]
        /// The last command of a thread that was answered.
        var answered: [Int: (request: CommandRequest, answer: CommandAnswer)] = [:]
        var lastKey = 0
        var lastVisit: Int64 = 0

        func isInFlight(_ request: CommandRequest) -> Bool { inFlight.values.contains(request) }
    }

    private let witness: LogWitness
    private let state = Mutex(State())

    init(witness: LogWitness) { self.witness = witness }

    /// Whether every command has its answer.
    var isIdle: Bool { state.withLock { $0.pending.isEmpty } }

    /// Whether a command waits for somebody to send it.
    func hasToSend(_ thread: Int) -> Bool {
        state.withLock { state in state.pending[thread].map { !state.isInFlight($0) } ?? false }
    }

    // MARK: Commands

    /// The next command of a thread, or the last one again.
    ///
    /// - Parameter number: the way on which it is sent.
    /// - Returns: `nil` when it is on its way already.
    func next(
        _ thread: Int,
        on number: Int64,
        onlyResumes: Bool,
        _ random: inout SimulationRandom
    ) -> CommandRequest? {
        let (again, twice) = (random.once(in: 4), random.once(in: 4))
        let log = witness.thread(thread)
        let made = make(log, onlyResumes: onlyResumes, &random)
        return state.withLock { state in
            if let pending = state.pending[thread] {
                guard twice || !state.isInFlight(pending) else { return nil }
                state.inFlight[number] = pending
                return pending
            }
            var request = made
            if again, !onlyResumes, let (answered, _) = state.answered[thread] {
                request = answered
            } else {
                state.lastKey += 1
                request.key = IdempotencyKey(text: IdentifierText(unchecked: "p\(state.lastKey)"))
            }
            state.pending[thread] = request
            state.inFlight[number] = request
            return request
        }
    }

    private func make(
        _ log: SimulatedThread,
        onlyResumes: Bool,
        _ random: inout SimulationRandom
    ) -> CommandRequest {
        let action: RunCommand.Action =
            switch random.below(5) {
            case _ where onlyResumes: .resume
            case 0: .stop
            case 1, 2: .pause
            default: .resume
            }
        var body = CommandBody(.run(action, reason: nil))
        if !onlyResumes, random.once(in: 3), !log.openRuns.isEmpty {
            body.run = log.openRuns[random.below(log.openRuns.count)].run
        }
        if !onlyResumes, random.once(in: 2), log.head > 0 {
            body.asOf = log.event(UInt64(random.below(Int(log.head))) + 1)?.id
        }
        return CommandRequest(thread: log.owner.thread, key: "p", body)
    }

    /// Gives a command past the streams.
    func visit(_ thread: Int, onlyResumes: Bool, _ random: inout SimulationRandom) -> (
        @Sendable (AgentEventsHub) async -> Void
    )? {
        let number = state.withLock { $0.lastVisit - 1 }
        guard let request = next(thread, on: number, onlyResumes: onlyResumes, &random) else { return nil }
        // Only now: what does not happen leaves no trace.
        state.withLock { $0.lastVisit = number }
        let owner = witness.thread(thread).owner
        let isForeign = random.once(in: 8)
        return { hub in
            do throws(ProtocolError) {
                if isForeign { await self.trespass(request, hub) }
                let answer = try await hub.commands.submit(
                    request, as: Principal(user: owner.user, scopes: [.command]))
                self.answered(thread, number, answer)
            } catch {
                self.refused(thread, number, error)
            }
        }
    }

    /// A stranger is not told of the thread.
    private func trespass(_ request: CommandRequest, _ hub: AgentEventsHub) async {
        do throws(ProtocolError) {
            _ = try await hub.commands.submit(request, as: Principal(user: "u_stranger", scopes: [.command]))
            fail(.isolation, "\(request.thread) is commanded by a stranger")
        } catch {
            guard error.code == .threadUnknown || error.isRetryable || error.code == .notRunning else {
                return fail(.isolation, "a stranger is told of \(request.thread): \(error)")
            }
        }
    }

    // MARK: Answers

    /// A way is gone.
    func lost(_ number: Int64) { state.withLock { $0.inFlight[number] = nil } }

    /// The process is gone, and everybody who was past its streams.
    func lostVisits() { state.withLock { $0.inFlight = $0.inFlight.filter { $0.key > 0 } } }

    /// The last events of threads may be lost: nobody relies on what was answered.
    func giveUp() { state.withLock { $0.answered = [:] } }

    func answered(_ thread: Int, _ number: Int64, _ answer: CommandAnswer) {
        let (request, known) = state.withLock { state in
            guard let request = state.inFlight.removeValue(forKey: number) else {
                return (nil as CommandRequest?, nil as CommandAnswer?)
            }
            let known = state.answered[thread].flatMap { $0.request == request ? $0.answer : nil }
            if state.pending[thread] == request { state.pending[thread] = nil }
            if known == nil { state.answered[thread] = (request, answer) }
            return (request, known)
        }
        guard let request else { return }
        witness.count(
            answer.outcome == .done ? .commandDone : answer.outcome == .repeated ? .commandRepeated : .commandUnchanged)
        let log = witness.thread(thread)
        guard !answer.cursors.contains(where: log.lost.contains) else { return }
        if let known, known.cursors != answer.cursors, !known.cursors.isEmpty,
            !known.cursors.contains(where: log.lost.contains)
        {
            fail(.commandsKept, "\(request.key) was answered with \(known.cursors), and with \(answer.cursors)")
        }
        for cursor in answer.cursors { check(cursor, request, log) }
    }

    func refused(_ thread: Int, _ number: Int64, _ error: ProtocolError) {
        state.withLock { state in
            guard let request = state.inFlight.removeValue(forKey: number), !error.isRetryable else { return }
            if state.pending[thread] == request { state.pending[thread] = nil }
        }
        witness.count(.commandRefused)
    }

    private func fail(_ rule: InvariantViolation.Rule, _ message: String) {
        witness.fail(InvariantViolation(rule, message))
    }

    /// What a command is answered with is in the log, is what it asked for, and is about what its sender saw.
    private func check(_ cursor: Cursor, _ request: CommandRequest, _ log: SimulatedThread) {
        guard let stored = log.event(cursor.sequence), stored.id == cursor,
            let event = try? EventDecoder.decode(stored.bytes), let run = event.runID
        else {
            return fail(.commandsKept, "\(log.owner.thread): \(cursor) is the answer to a command and not in the log")
        }
        guard case .run(let action, reason: _) = request.body.kind else { return }
        let isRight =
            switch (action, event.payload) {
            case (.stop, .agentCancelled(let cancelled)): cancelled.by == log.owner.user
            case (.pause, .agentPaused(let paused)): paused.by == log.owner.user
            case (.resume, .agentResumed(let resumed)): resumed.by == log.owner.user
            default: false
            }
        guard isRight else {
            return fail(.commandsKept, "\(log.owner.thread): \(cursor) answers \(action.name) and is \(event.typeName)")
        }
        guard request.body.run == nil, action == .stop, let asOf = request.body.asOf, !log.lost.contains(asOf),
            log.event(asOf.sequence)?.id == asOf, asOf.sequence >= log.firstKept,
            let began = log.beginning(of: run, before: cursor.sequence),
            began > asOf.sequence
        else { return }
        fail(.commandsKept, "\(log.owner.thread): \(run) began at \(began), and is stopped as of \(asOf)")
    }
}
