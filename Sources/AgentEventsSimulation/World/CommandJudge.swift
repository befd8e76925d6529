import AgentEvents
import AgentEventsChecks
import AgentEventsProtocol

/// Compares the answers to commands with the log.
struct CommandJudge {
    let witness: LogWitness

    init(_ witness: LogWitness) { self.witness = witness }

    private func fail(_ rule: InvariantViolation.Rule, _ message: String) {
        witness.fail(InvariantViolation(rule, message))
    }

    // MARK: Commands that are carried out

    func check(_ answer: CommandAnswer, _ request: CommandRequest, _ log: SimulatedThread) {
        count(answer, request)
        switch request.body.kind {
        case .message, .start:
            MessageJudge(witness).check(answer, request, log)
        case .answer(let given):
            for cursor in answer.cursors.dropLast() { checkPause(at: cursor, log) }
            if let cursor = answer.cursors.last { check(cursor, given, request, log) }
        case .revoke, .value:
            // A state that is no event of a run.
            break
        case .run(let action, reason: _):
            for cursor in answer.cursors { check(cursor, action, request, log) }
        }
    }

    private func count(_ answer: CommandAnswer, _ request: CommandRequest) {
        switch answer.outcome {
        case .done: witness.count(.commandDone)
        case .repeated: witness.count(.commandRepeated)
        case .unchanged: witness.count(.commandUnchanged)
        }
        switch request.body.kind {
        case .message: witness.count(.messageCommanded)
        case .start: witness.count(.startCommanded)
        case .answer: if answer.outcome == .unchanged { witness.count(.answerUnchanged) }
        case .revoke, .value: break
        case .run(.custom, reason: _): if answer.outcome == .done { witness.count(.customCommandTaken) }
        case .run: break
        }
    }

    private func event(at cursor: Cursor, _ log: SimulatedThread) -> AgentEvent? {
        guard let stored = log.event(cursor.sequence), stored.id == cursor else {
            fail(.commandsKept, "\(log.owner.thread): \(cursor) is the answer to a command and not in the log")
            return nil
        }
        return try? EventDecoder.decode(stored.bytes)
    }

    /// A run that is left to the next process is paused before it is answered, with those of its tree, in one commit: nothing
    /// begins with the answer before that process takes it up.
    private func checkPause(at cursor: Cursor, _ log: SimulatedThread) {
        guard let event = event(at: cursor, log) else { return }
        guard case .agentPaused(let paused) = event.payload, paused.isHandedOver else {
            return fail(
                .answers, "\(log.owner.thread): \(cursor) comes with an answer and is \(event.typeName)")
        }
    }

    /// What an answer is told to count by is in the log: the same answer to the same question.
    private func check(_ cursor: Cursor, _ answer: AnswerCommand, _ request: CommandRequest, _ log: SimulatedThread) {
        guard let event = event(at: cursor, log) else { return }
        let decision: ApprovalDecision = answer.isApproved ? .approved : .denied
        guard case .approvalResolved(let resolved) = event.payload, resolved.approvalID == answer.approvalID,
            resolved.decision == decision, resolved.by == log.owner.user,
            // The data of an answer that is trimmed is known to nobody.
            resolved.data == answer.data || cursor.sequence < log.firstKept,
            request.body.run == nil || request.body.run == event.runID
        else {
            return fail(
                .answers, "\(log.owner.thread): \(cursor) is said to be the answer to \(answer.approvalID), and is not")
        }
    }

    /// What a command is answered with is what it asked for, and is about what its sender saw.
    private func check(
        _ cursor: Cursor,
        _ action: RunCommand.Action,
        _ request: CommandRequest,
        _ log: SimulatedThread
    ) {
        guard let event = event(at: cursor, log) else { return }
        guard let run = event.runID else {
            return fail(.commandsKept, "\(log.owner.thread): \(cursor) answers a command and is about no run")
        }
        let isRight =
            switch (action, event.payload) {
            case (.stop, .agentCancelled(let cancelled)): cancelled.by == log.owner.user
            case (.pause, .agentPaused(let paused)): paused.by == log.owner.user
            // Of a run that was paused because its process is gone: the pause of the person takes the place of that one.
            case (.pause, .agentResumed(let resumed)): resumed.by == log.owner.user
            case (.resume, .agentResumed(let resumed)): resumed.by == log.owner.user
            case (.custom(let name, value: _), .custom(let custom)):
                custom.by == log.owner.user && custom.name == name.rawValue
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

    // MARK: Commands that are refused

    func check(_ error: ProtocolError, _ request: CommandRequest, _ log: SimulatedThread) {
        witness.count(.commandRefused)
        switch request.body.kind {
        case .answer(let answer): check(error, answer, request, log)
        case .message, .start: MessageJudge(witness).count(error)
        case .revoke, .value: break
        case .run: if error.code == .commandUnsupported { witness.count(.customCommandRefused) }
        }
    }

    /// An answer is refused for what the log says: it is not the one that counts, or cannot be.
    private func check(
        _ error: ProtocolError,
        _ answer: AnswerCommand,
        _ request: CommandRequest,
        _ log: SimulatedThread
    ) {
        let known = log.approvals.requests(under: answer.approvalID).filter {
            request.body.run == nil || $0.place.run == request.body.run
        }
        // What was lost, or trimmed, is not known here or there.
        guard log.lost.isEmpty, log.firstKept == 1 else { return count(error) }
        let isRight: Bool
        switch error.code {
        case .approvalResolved:
            isRight = known.contains { request in
                request.resolution.map { !isSame($0.resolved, answer) } ?? false
            }
        case .approvalExpired:
            isRight = known.contains { $0.resolution?.resolved.decision == .expired }
        case .approvalForbidden:
            isRight = known.contains { !AnswerCheck.may(log.owner.user, answer: $0.asked, owner: log.owner.user) }
        case .approvalDataInvalid:
            isRight = answer.isApproved && known.contains { !AnswerCheck.fits(answer.data, $0.asked) }
        case .approvalUnknown:
            isRight = known.isEmpty
        default:
            return
        }
        count(error)
        if !isRight {
            fail(.answers, "\(log.owner.thread): an answer to \(answer.approvalID) is refused as \(error.code)")
        }
    }

    private func isSame(_ resolved: ApprovalResolved, _ answer: AnswerCommand) -> Bool {
        resolved.decision == (answer.isApproved ? .approved : .denied) && resolved.data == answer.data
    }

    private func count(_ error: ProtocolError) {
        switch error.code {
        case .approvalResolved, .approvalExpired: witness.count(.answerTooLate)
        case .approvalForbidden: witness.count(.answerForbidden)
        case .approvalDataInvalid: witness.count(.answerDataRefused)
        case .approvalUnknown: witness.count(.answerUnknown)
        default: break
        }
    }
}
