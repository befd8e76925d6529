import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import Synchronization

/// A person who commands the runs of threads and answers what they ask, over the streams of clients and past them: one
/// command of a thread at a time, sent again with its key until it is answered, and now and then once more after that.
final class Commander: Sendable {
    private struct State {
        /// The commands that have no answer, by the thread.
        var pending: [Int: CommandRequest] = [:]
        /// The commands that are on their way, by the way: one may be on two, and on one after it was answered on the other.
        var inFlight: [Int64: CommandRequest] = [:]
        /// The ways on which an answer may still come from a process that is gone.
        var sentToLostProcess: Set<Int64> = []
        /// The last command of a thread that was answered.
        var answered: [Int: (request: CommandRequest, answer: CommandAnswer)] = [:]
        var lastKey = 0
        var lastVisit: Int64 = 0

        func isInFlight(_ request: CommandRequest) -> Bool { inFlight.values.contains(request) }
    }

    private let witness: LogWitness
    private let state = Mutex(State())

    private let name: String
    private let maker: CommandMaker

    /// - Parameters:
    ///   - name: no other one in the world has it.
    ///   - sendsMessages: whether they write messages as well.
    init(name: String, witness: LogWitness, sendsMessages: Bool) {
        self.name = name
        self.witness = witness
        maker = CommandMaker(sendsMessages: sendsMessages)
    }

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
        let made = CommandRequest(
            thread: log.owner.thread, key: "p", maker.make(log, onlyResumes: onlyResumes, &random))
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
                request.key = IdempotencyKey(text: IdentifierText(unchecked: "\(name)\(state.lastKey)"))
            }
            state.pending[thread] = request
            state.inFlight[number] = request
            return request
        }
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
        // A message of a stranger would open a thread that is not there.
        let isForeign = random.once(in: 8) && !request.body.asksForRun
        return { hub in
            do throws(ProtocolError) {
                if isForeign { await self.trespass(request, hub) }
                let answer = try await hub.commands.submit(
                    request, as: .backend(of: owner.user, [.command]))
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
            witness.fail(InvariantViolation(.isolation, "\(request.thread) is commanded by a stranger"))
        } catch {
            guard error.code == .threadUnknown || error.isRetryable || error.code == .notRunning else {
                return witness.fail(
                    InvariantViolation(.isolation, "a stranger is told of \(request.thread): \(error)"))
            }
        }
    }

    // MARK: Answers

    /// A way is gone.
    func lost(_ number: Int64) { state.withLock { $0.inFlight[number] = nil } }

    /// The process is gone, and everybody who was past its streams. What has changed nothing is in no log: a new process
    /// decides it again.
    func lostProcess() {
        state.withLock { state in
            state.inFlight = state.inFlight.filter { $0.key > 0 }
            state.sentToLostProcess = Set(state.inFlight.keys)
            state.answered = state.answered.filter { $0.value.answer.outcome != .unchanged }
        }
    }

    /// The last events of threads may be lost: nobody relies on what was answered.
    func giveUp() { state.withLock { $0.answered = [:] } }

    func answered(_ thread: Int, _ number: Int64, _ answer: CommandAnswer) {
        let (request, known) = state.withLock { state in
            guard let request = state.inFlight.removeValue(forKey: number) else {
                return (nil as CommandRequest?, nil as CommandAnswer?)
            }
            if state.pending[thread] == request { state.pending[thread] = nil }
            // What has changed nothing is in no log: a process that is gone may have said so, and the next one decides again.
            guard answer.outcome != .unchanged || !state.sentToLostProcess.contains(number) else {
                return (request, nil)
            }
            let known = state.answered[thread].flatMap { $0.request == request ? $0.answer : nil }
            if known == nil { state.answered[thread] = (request, answer) }
            return (request, known)
        }
        guard let request else { return }
        let log = witness.thread(thread)
        guard !answer.cursors.contains(where: log.lost.contains) else { return }
        if let known, known.cursors != answer.cursors, !known.cursors.isEmpty,
            !known.cursors.contains(where: log.lost.contains)
        {
            witness.fail(
                InvariantViolation(
                    .commandsKept,
                    "\(request.key) was answered \(known.outcome) with \(known.cursors), and \(answer.outcome) with "
                        + "\(answer.cursors)"))
        }
        CommandJudge(witness).check(answer, request, log)
    }

    func refused(_ thread: Int, _ number: Int64, _ error: ProtocolError) {
        let request: CommandRequest? = state.withLock { state in
            guard let request = state.inFlight.removeValue(forKey: number), !isWorthRepeating(error) else { return nil }
            if state.pending[thread] == request { state.pending[thread] = nil }
            return request
        }
        if let request { CommandJudge(witness).check(error, request, witness.thread(thread)) }
    }

    /// Whether the same should be sent again: not what waits for others to end.
    private func isWorthRepeating(_ error: ProtocolError) -> Bool {
        switch error.code {
        case .threadBusy, .threadQueueFull, .userQueueFull, .agentsBusy: false
        default: error.isRetryable
        }
    }
}

extension CommandBody {
    /// Whether the command has a run begin.
    fileprivate var asksForRun: Bool {
        switch kind {
        case .message, .start: true
        case .run, .answer, .revoke, .value: false
        }
    }
}
