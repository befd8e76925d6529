import AgentEventsTesting
import Testing

@testable import AgentEvents

/// Who may answer, whichever way the answer comes.
@Suite(.timeLimit(.minutes(10))) struct ApproverTests {
    /// By an event as by a command: those who are named, or all who may approve in the thread, and never the one who asked.
    @Test(
        arguments: [
            ([], nil, "u_1", true), ([], nil, "u_2", true), ([], "u_1", "u_1", false), ([], "u_1", "u_2", true),
            (["u_3"], nil, "u_1", false), (["u_3"], nil, "u_2", false), (["u_3"], nil, "u_3", true),
            (["u_1", "u_3"], "u_1", "u_1", false),
        ] as [([UserID], UserID?, UserID, Bool)], [true, false])
    func anAnswerCountsOfThoseWhoMay(
        _ terms: ([UserID], UserID?, UserID, Bool), _ isEvent: Bool
    ) async throws {
        let (approvers, separate, user, may) = terms
        try await CommandStage.with { stage in
            var asked = ApprovalRequested(approvalID: "a_1", prompt: "May I?", approvers: approvers)
            asked.separateFrom = separate
            _ = try await stage.context.emit([
                EventDraft(runID: "r_1", agent: "guide", .agentStarted(AgentStarted())),
                EventDraft(runID: "r_1", .approvalRequested(asked)),
            ])
            var code: AgentEventsError.Code?
            do {
                if isEvent {
                    let resolved = ApprovalResolved(approvalID: "a_1", decision: .approved, by: user)
                    _ = try await stage.context.emit(
                        [EventDraft(runID: "r_1", .approvalResolved(resolved))], as: nil, checksAnswers: true)
                } else {
                    var answer = ApprovalAnswer("a_1", isApproved: true, by: user)
                    answer.hasRight = true
                    _ = try await stage.context.answer(answer)
                }
            } catch let error as AgentEventsError {
                code = error.code
            }
            #expect(code == (may ? nil : .approvalForbidden))
        }
    }
}
