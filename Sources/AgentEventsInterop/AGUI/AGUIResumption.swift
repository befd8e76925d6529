import AgentEvents
import AgentEventsProtocol

/// Decides on the answers that a client sends to what was asked, before any of them is given.
struct AGUIResumption: Hashable, Sendable {
    /// A question that has, or had, a name in AG-UI.
    struct Question: Hashable, Sendable {
        let run: RunID
        let approval: ApprovalID
    }

    /// An answer to give.
    struct Given: Hashable, Sendable {
        let question: Question
        let answer: AGUIInput.Answer
    }

    /// The answers to some of the questions that are open in a run.
    struct Part: Hashable, Sendable {
        let root: RunID
        /// The questions that are answered, the known ones among them.
        var answered: Set<String>
        /// Open questions without an answer.
        var missing: Set<String>
    }

    enum Decision: Hashable, Sendable {
        /// - Parameters:
        ///   - answers: to questions that are open.
        ///   - known: the latest event by which one of the others was answered, in the same way.
        ///   - parts: what is answered of runs that have more open questions. They are given if the client was told of no others.
        case give([Given], run: RunID, known: Cursor?, parts: [Part])
        case refuse(ProtocolError)
    }

    /// - Parameters:
    ///   - answers: those of the client.
    ///   - state: the state of the thread.
    ///   - now: the time, by which questions may have lapsed.
    static func decide(_ answers: [AGUIInput.Answer], in state: ThreadState, at now: Timestamp) -> Decision {
        var open: [String: ThreadState.Approval] = [:]
        for approval in state.approvals {
            open[StreamNames.interrupt(approval.approvalID, of: approval.runID)] = approval
        }
        var resolved: [String: ThreadState.ResolvedApproval] = [:]
        for approval in state.resolvedApprovals {
            resolved[StreamNames.interrupt(approval.approvalID, of: approval.runID)] = approval
        }
        var given: [Given] = []
        var known: Cursor?
        var run: RunID?
        var answered: [RunID: Set<String>] = [:]
        for answer in answers {
            if let approval = open.removeValue(forKey: answer.interrupt) {
                if let end = approval.expiresAt, end <= now { return .refuse(expired(answer)) }
                run = run ?? approval.runID
                answered[state.root(of: approval.runID), default: []].insert(answer.interrupt)
                let question = Question(run: approval.runID, approval: approval.approvalID)
                given.append(Given(question: question, answer: answer))
            } else if let approval = resolved[answer.interrupt] {
                guard approval.decision == (answer.isApproved ? .approved : .denied) else {
                    return .refuse(approval.decision == .expired ? expired(answer) : taken(answer, approval.decision))
                }
                run = run ?? approval.runID
                answered[state.root(of: approval.runID), default: []].insert(answer.interrupt)
                if approval.cursor.sequence > known?.sequence ?? 0 { known = approval.cursor }
            } else {
                return .refuse(
                    ProtocolError(.approvalUnknown, "nothing with the interruptId \(answer.interrupt) was asked here"))
            }
        }
        // Another run may ask at the same time, of another client. An answer that came before may meet what was asked after it.
        let roots = Set(given.map { state.root(of: $0.question.run) })
        var parts: [RunID: Part] = [:]
        for (name, approval) in open {
            let root = state.root(of: approval.runID)
            guard roots.contains(root) else { continue }
            parts[root, default: Part(root: root, answered: answered[root] ?? [], missing: [])].missing.insert(name)
        }
        guard let run else { return .refuse(ProtocolError(.requestInvalid, "resume has an answer at least")) }
        return .give(given, run: run, known: known, parts: parts.values.sorted { $0.root.rawValue < $1.root.rawValue })
    }

    /// Refuses a run that asks for something else while questions are open.
    static func refusal(whileOpen state: ThreadState) -> ProtocolError? {
        guard let approval = state.approvals.first else { return nil }
        let name = StreamNames.interrupt(approval.approvalID, of: approval.runID)
        return ProtocolError(
            .threadBusy, "the thread waits for an answer to \(name): send it in resume", isRetryable: true)
    }

    private static func expired(_ answer: AGUIInput.Answer) -> ProtocolError {
        ProtocolError(.approvalExpired, "the time for an answer to \(answer.interrupt) is over")
    }

    private static func taken(_ answer: AGUIInput.Answer, _ decision: ApprovalDecision) -> ProtocolError {
        ProtocolError(.approvalResolved, "\(answer.interrupt) has another answer already: \(decision.rawValue)")
    }
}
