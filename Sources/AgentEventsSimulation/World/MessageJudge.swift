import AgentEvents
import AgentEventsHub
import AgentEventsProtocol

/// Compares what people are told of their messages with the log: a message, and in the same commit its run.
struct MessageJudge {
    let witness: LogWitness

    init(_ witness: LogWitness) { self.witness = witness }

    func check(_ answer: MessageIntake.Answer, in thread: ThreadID) {
        guard let number = witness.number(of: thread) else { return }
        check(answer.cursors, message: answer.message, run: answer.run, witness.thread(number))
    }

    func check(_ answer: CommandAnswer, _ request: CommandRequest, _ log: SimulatedThread) {
        check(answer.cursors, message: answer.messageID, run: answer.runID, log)
    }

    func count(_ error: ProtocolError) {
        switch error.code {
        case .agentsBusy: witness.count(.agentRefusedBusy)
        case .threadBusy: witness.count(.messageRefusedBusy)
        case .threadQueueFull: witness.count(.messageRefusedFull)
        default: break
        }
    }

    private func check(_ cursors: [Cursor], message: MessageID?, run: RunID?, _ log: SimulatedThread) {
        guard !cursors.contains(where: log.lost.contains) else { return }
        var messages: Set<MessageID> = []
        var runs: Set<RunID> = []
        for cursor in cursors {
            guard let stored = log.event(cursor.sequence), stored.id == cursor,
                let event = try? EventDecoder.decode(stored.bytes)
            else { return fail("\(log.owner.thread): \(cursor) is the answer to a message and not in the log") }
            switch event.payload {
            case .userMessage(let logged):
                messages.insert(logged.messageID)
                if let given = logged.givenTo { runs.insert(given) }
            case .agentQueued, .agentStarted: if let run = event.runID { runs.insert(run) }
            default: return fail("\(log.owner.thread): \(cursor) answers a message and is \(event.typeName)")
            }
        }
        // A run that answers a message which was logged earlier begins later.
        guard let message, !messages.isEmpty, !messages.contains(message) else {
            if let run, !runs.isEmpty, !runs.contains(run) {
                fail("\(log.owner.thread): \(run) is said to answer, and \(runs) do")
            }
            return
        }
        fail("\(log.owner.thread): \(message) is said to be logged, and \(messages) are")
    }

    private func fail(_ message: String) { witness.fail(InvariantViolation(.queue, message)) }
}
