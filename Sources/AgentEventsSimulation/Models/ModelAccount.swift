import AgentEvents
import Synchronization

/// The account of a ``ModelWorld``: what its log takes, what its models are told, and which bodies of tools began.
final class ModelAccount: Sendable {
    private struct Run {
        var thread: ThreadID
        var calls: Set<CallID> = []
    }

    private struct Question: Hashable {
        var thread: ThreadID
        var run: RunID
        var approval: ApprovalID
        var call: CallID?
    }

    private struct State {
        var counts: [String: Int] = [:]
        var violation: String?
        var runs: [RunID: Run] = [:]
        var ended: Set<RunID> = []
        var questions: [Question] = []
        /// The calls about which a person was asked, and of these the ones with a yes.
        var approved: Set<CallID> = []
        var begun: Set<CallID> = []
        var brokenAnswers: Set<Int> = []
        var answerCount = 0
    }

    private let state = Mutex(State())

    var counts: [String: Int] { state.withLock { $0.counts } }
    var violation: String? { state.withLock { $0.violation } }
    var openRuns: [RunID] { state.withLock { $0.runs.keys.sorted { $0.rawValue < $1.rawValue } } }

    /// The questions that are open.
    var questions: [(thread: ThreadID, approval: ApprovalID)] {
        state.withLock { $0.questions.map { ($0.thread, $0.approval) } }
    }

    func count(_ occurrence: String) { state.withLock { $0.counts[occurrence, default: 0] += 1 } }

    func fail(_ problem: String) { state.withLock { $0.violation = $0.violation ?? problem } }

    // MARK: Models

    func nextAnswer() -> Int {
        state.withLock { state in
            state.answerCount += 1
            return state.answerCount
        }
    }

    /// An answer broke off, and is asked for again.
    func brokeOff(_ answer: Int) {
        state.withLock { state in
            state.counts["broken answer", default: 0] += 1
            state.brokenAnswers.insert(answer)
        }
    }

    /// Judges what a model is told: each call has its result, once, and nothing that broke off is in it.
    func asked(_ transcript: Transcript) {
        state.withLock { state in
            var calls: Set<CallID> = []
            for case .assistant(let turn) in transcript.items {
                for word in turn.text.split(whereSeparator: { "[] \n".contains($0) }) {
                    // Where a run was stopped before it could say so, the end of the run has ended the message.
                    guard let number = Int(word), state.brokenAnswers.contains(number), state.runs[turn.run] != nil
                    else { continue }
                    state.violation = state.violation ?? "a model is told of answer \(number), which broke off"
                }
                for call in turn.calls {
                    if !calls.insert(call.id).inserted {
                        state.violation = state.violation ?? "a model is told of call \(call.id) twice"
                    }
                    guard case .failed(code: "tool.open", sentence: _) = call.result else { continue }
                    state.violation = state.violation ?? "a model is asked while call \(call.id) is open"
                }
            }
        }
    }

    // MARK: Tools

    /// The body of a call begins.
    func begin(_ call: CallID, isRepeatable: Bool = false, isAskedAbout: Bool = false) {
        state.withLock { state in
            let isFirst = state.begun.insert(call).inserted
            if !isFirst { state.counts["body again", default: 0] += 1 }
            if !isFirst, !isRepeatable { state.violation = state.violation ?? "the body of call \(call) runs twice" }
            if isAskedAbout, !state.approved.contains(call) {
                state.violation = state.violation ?? "the body of call \(call) runs, and nobody has said yes"
            }
        }
    }

    // MARK: The log

    func take(_ commit: LogCommit) {
        for entry in commit.entries {
            guard let event = try? EventDecoder.decode(entry.bytes) else { return fail("\(entry.id) is unreadable") }
            state.withLock { state in
                state.counts[event.typeName, default: 0] += 1
                guard let run = event.runID, let problem = Self.take(event, of: run, &state) else { return }
                state.violation = state.violation ?? problem
            }
        }
    }

    private static func take(_ event: AgentEvent, of run: RunID, _ state: inout State) -> String? {
        if state.ended.contains(run) { return "\(event.id) \(event.typeName) comes after the end of \(run)" }
        switch event.payload {
        case .agentQueued, .agentStarted:
            if state.runs[run] == nil { state.runs[run] = Run(thread: event.threadID) }
        case .toolExecuting(let call):
            state.runs[run]?.calls.insert(call.callID)
        case .toolCompleted(let call):
            if state.runs[run]?.calls.remove(call.callID) == nil { return "call \(call.callID) has two results" }
        case .approvalRequested(let asked):
            state.questions.append(
                Question(thread: event.threadID, run: run, approval: asked.approvalID, call: asked.callID))
        case .approvalResolved(let answer):
            let isThis = { (question: Question) in question.run == run && question.approval == answer.approvalID }
            if answer.decision == .approved, let call = state.questions.first(where: isThis)?.call {
                state.approved.insert(call)
            }
            state.questions.removeAll(where: isThis)
        case .agentCompleted, .agentFailed, .agentCancelled:
            if let open = state.runs.removeValue(forKey: run)?.calls.first { return "\(run) ends, and \(open) is open" }
            state.ended.insert(run)
        default: break
        }
        return nil
    }
}
