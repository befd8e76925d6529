import AgentEvents
import AgentEventsServer
import AgentEventsTesting
import Synchronization
import Testing

/// The command `answer` over HTTP, by those who may and by those who may not.
@Suite(.timeLimit(.minutes(10)))
struct AnswerTests {
    private static let asking = """
        {"type":"agent_started","run_id":"r_1","agent":"guide"}
        {"type":"approval_requested","run_id":"r_1","data":{"approval_id":"a_1","prompt":"May I?"}}
        {"type":"approval_requested","run_id":"r_1","data":{"approval_id":"a_2","prompt":"Where?","kind":"input","schema":\
        {"type":"object","properties":{"f":{"type":"boolean"}},"required":["f"]}}}
        """

    private static func withAsking(_ body: @Sendable (RunningService) async throws -> Void) async throws {
        try await withRunningService(authenticator: NamingAuthenticator()) { service in
            let asked = try await service.client.post(
                "/v1/threads/t_7/events", asking, headers: ["Authorization": "Bearer u_1/emit"])
            #expect(asked.status == 201)
            try await body(service)
        }
    }

    private static func answer(
        _ service: RunningService,
        _ data: String,
        by token: String = "u_1/command",
        key: String = "k_1"
    ) async throws -> RawHTTPClient.Answer {
        try await service.client.post(
            "/v1/threads/t_7/commands", #"{"name":"answer","data":\#(data)}"#,
            headers: ["Authorization": "Bearer \(token)", "Idempotency-Key": key])
    }

    private static func resolved(_ service: RunningService) async throws -> [ApprovalResolved] {
        try await service.loggedEvents(in: "t_7").compactMap { event in
            if case .approvalResolved(let resolved) = event.payload { resolved } else { nil }
        }
    }

    @Test func theServiceSaysWhoHasAnswered() async throws {
        try await Self.withAsking { service in
            let answer = try await Self.answer(service, #"{"approval_id":"a_1","decision":"approved","data":{"n":1}}"#)
            #expect(answer.status == 200)
            #expect(try answer.json["outcome"] == "done")
            let expected = ApprovalResolved(approvalID: "a_1", decision: .approved, by: "u_1", data: ["n": 1])
            #expect(try await Self.resolved(service) == [expected])
            let again = try await Self.answer(
                service, #"{"approval_id":"a_1","decision":"approved","data":{"n":1}}"#, key: "k_2")
            #expect(try again.json["outcome"] == "unchanged")
            #expect(try again.json["cursors"] == answer.json["cursors"])
            let other = try await Self.answer(service, #"{"approval_id":"a_1","decision":"denied"}"#, key: "k_3")
            #expect(other.status == 409)
            #expect(try other.errorCode == "approval.resolved")
            let details = try #require(try other.json["error"]?["details"])
            #expect(details["decision"] == "approved" && details["by"] == "u_1")
            #expect(details["cursor"] == (try answer.json["cursors"]?.arrayValue?.first))
        }
    }

    /// 35, 36: who asks cannot answer, and nobody else either who may not command in the thread.
    @Test(arguments: [("u_1/emit", "auth.scope_missing"), ("u_2/command", "thread.unknown")])
    func thoseWhoMayNotCommandDoNotAnswer(_ token: String, _ code: String) async throws {
        try await Self.withAsking { service in
            let answer = try await Self.answer(service, #"{"approval_id":"a_1","decision":"approved"}"#, by: token)
            #expect(try answer.errorCode == code)
            #expect(try await Self.resolved(service) == [])
        }
    }

    private final class Told: Sendable {
        private let last = Mutex<AgentEventsError.Code?>(nil)
        var code: AgentEventsError.Code? { last.withLock { $0 } }
        func set(_ code: AgentEventsError.Code) { last.withLock { $0 = code } }
    }

    /// A refusal is as good as the question that it is about: it waits until that is committed, and is none when it is not.
    @Test func aRefusalTellsOfNothingThatTheLogLoses() async throws {
        let log = HeldLog()
        let told = Told()
        // The runtime fails with its log.
        await #expect(throws: AgentEventsError.self) {
            try await withAgentRuntime(log: log) { runtime in
                let context = try await runtime.context(user: "u_1", thread: "t_1")
                try await context.emit(EventDraft(runID: "r_1", agent: "guide", .agentStarted(AgentStarted())))
                try await runtime.flush()
                log.holdAppends()
                let asked = ApprovalRequested(approvalID: "a_1", prompt: "?", approvers: ["u_2"])
                try await context.emit(EventDraft(runID: "r_1", .approvalRequested(asked)))
                await log.waitForAppend()
                async let answered: Void = {
                    do throws(AgentEventsError) {
                        _ = try await context.answer(ApprovalAnswer("a_1", isApproved: true, by: "u_1"))
                    } catch {
                        told.set(error.code)
                    }
                }()
                // Enough for one that does not wait.
                for _ in 0..<10_000 { await Task.yield() }
                #expect(told.code == nil)
                log.failAppend()
                await answered
            }
        }
        #expect(told.code == .log(.failed))
    }

    @Test(
        arguments: [
            (#"{"approval_id":"a_9","decision":"approved"}"#, 404, "approval.unknown", nil),
            (#"{"approval_id":"a_2","decision":"approved"}"#, 422, "approval.data_invalid", "$.data.data.f"),
            (
                #"{"approval_id":"a_2","decision":"approved","data":{"f":1}}"#, 422, "approval.data_invalid",
                "$.data.data.f"
            ),
            (#"{"approval_id":"a_2","decision":"approved","data":[]}"#, 422, "approval.data_invalid", "$.data.data"),
            (#"{"approval_id":"a_1","decision":"expired"}"#, 400, "command.invalid", "$.data.decision"),
            (#"{"approval_id":"a_1"}"#, 400, "command.invalid", "$.data.decision"),
            (#"{"decision":"approved"}"#, 400, "command.invalid", "$.data.approval_id"),
            (#"{"approval_id":"a_1","decision":"approved","by":"u_2"}"#, 400, "command.invalid", "$.data.by"),
        ] as [(String, Int, String, String?)])
    func whatDoesNotFitIsToldAndLeavesTheQuestionOpen(
        _ data: String, _ status: Int, _ code: String, _ path: String?
    ) async throws {
        try await Self.withAsking { service in
            let answer = try await Self.answer(service, data)
            #expect(answer.status == status)
            let error = try #require(try answer.json["error"])
            #expect(error["code"]?.stringValue == code)
            #expect(error["path"]?.stringValue == path)
            #expect(try await Self.resolved(service) == [])
        }
    }
}
