import AgentEvents
import AgentEventsHub
import AgentEventsServer
import AgentEventsTesting
import Testing

/// What a client may say by `emit` of the end of a request for approval: it cannot approve in somebody's name.
struct EmittedAnswerTests {
    private static let asking = """
        {"type":"agent_started","run_id":"r_1","agent":"guide"}
        {"type":"approval_requested","run_id":"r_1","data":{"approval_id":"a_1","prompt":"May I?"}}
        {"type":"approval_requested","run_id":"r_1","data":{"approval_id":"a_2","prompt":"And this?"}}
        """
    private static let path = "/v1/threads/t_7/events"

    private static func answer(_ decision: String, _ more: String = "") -> String {
        #"{"type":"approval_resolved","run_id":"r_1","data":{"approval_id":"a_1","decision":"\#(decision)"\#(more)}}"#
    }

    private static func token(_ token: String) -> [String: String] { ["Authorization": "Bearer \(token)"] }

    private static func resolved(_ service: RunningService) async throws -> [ApprovalResolved] {
        try await service.loggedEvents(in: "t_7").compactMap { event in
            if case .approvalResolved(let resolved) = event.payload { resolved } else { nil }
        }
    }

    private static func withAsking(_ body: @Sendable (RunningService) async throws -> Void) async throws {
        try await withRunningService(authenticator: NamingAuthenticator()) { service in
            let asked = try await service.client.post(path, asking, headers: token("u_1/emit"))
            #expect(asked.status == 201)
            try await body(service)
        }
    }

    @Test(arguments: ["approved", "denied"])
    func emittersCannotAnswer(_ decision: String) async throws {
        try await Self.withAsking { service in
            let answer = try await service.client.post(
                Self.path, Self.answer(decision), headers: Self.token("u_1/emit"))
            #expect(answer.status == 403)
            let error = try #require(answer.json["error"])
            #expect(error["code"] == "approval.forbidden")
            #expect(error["index"] == 0)
            #expect(error["path"] == "$.data.decision")
            #expect(error["message"]?.stringValue?.contains("expired or cancelled") == true)
            #expect(error["thread_id"] == "t_7")
            #expect(try await Self.resolved(service) == [])
        }
    }

    /// Nor can they have later questions answered.
    @Test(arguments: ["u_1/emit", "u_1/emit/command"]) func emittersCannotGrant(_ token: String) async throws {
        try await Self.withAsking { service in
            let grant = #"{"version":1,"key":"grant/deploy","value":{"scope":"thread","by":"u_1"}}"#
            let answer = try await service.client.post(
                Self.path, #"{"type":"state_updated","data":\#(grant)}"#, headers: Self.token(token))
            #expect(answer.status == 403)
            #expect(try answer.errorCode == "approval.forbidden")
            #expect(try answer.json["error"]?["path"] == "$.data.key")
            #expect(try await service.loggedEvents(in: "t_7").count == 3)
        }
    }

    /// All or nothing: what comes with such an answer is not logged either.
    @Test func nothingIsLoggedOfARequestWithAnAnswer() async throws {
        try await Self.withAsking { service in
            let more = #"{"type":"agent_progress","run_id":"r_1","data":{"step":1}}"#
            let answer = try await service.client.post(
                Self.path, more + "\n" + Self.answer("approved"), headers: Self.token("u_1/emit"))
            #expect(answer.status == 403)
            #expect(try answer.json["error"]?["index"] == 1)
            #expect(try await service.loggedEvents(in: "t_7").count == 3)
        }
    }

    @Test(arguments: ["expired", "cancelled"])
    func emittersSayThatAQuestionLapsed(_ decision: String) async throws {
        try await Self.withAsking { service in
            let answer = try await service.client.post(
                Self.path, Self.answer(decision), headers: Self.token("u_1/emit"))
            #expect(answer.status == 201)
            #expect(try await Self.resolved(service).map(\.decision.rawValue) == [decision])
        }
    }

    /// Nobody answers in the name of another, whatever the credentials allow.
    @Test(arguments: ["approved", "denied", "expired", "cancelled"], ["u_1", "u_2"])
    func nobodySaysWhoAnswers(_ decision: String, _ user: String) async throws {
        try await Self.withAsking { service in
            let answer = try await service.client.post(
                Self.path, Self.answer(decision, #","by":"\#(user)""#), headers: Self.token("u_1/emit/command"))
            #expect(answer.status == 400)
            #expect(try answer.errorCode == "event.field_not_allowed")
            #expect(try answer.json["error"]?["path"] == "$.data.by")
            #expect(try await Self.resolved(service) == [])
        }
    }

    /// The one whose thread it is answers, and the service says who it was.
    @Test func thoseWhoMayCommandAnswerInTheirOwnName() async throws {
        try await Self.withAsking { service in
            let answer = try await service.client.post(
                Self.path, Self.answer("approved", #","by":null,"data":{"n":1}"#),
                headers: Self.token("u_1/emit/command"))
            #expect(answer.status == 201)
            let expected = ApprovalResolved(approvalID: "a_1", decision: .approved, by: "u_1", data: ["n": 1])
            #expect(try await Self.resolved(service) == [expected])
        }
    }

    /// What the question says about its answer holds for one that comes as an event, too.
    @Test(arguments: [
        (#""approvers":["u_2"]"#, #""decision":"denied""#, 403, "approval.forbidden"),
        (
            #""schema":{"type":"object","required":["f"],"properties":{"f":{"type":"boolean"}}}"#,
            #""decision":"approved""#, 422,
            "approval.data_invalid"
        ),
        (#""prompt":"?""#, #""decision":"approved","data":{"arguments":1}"#, 422, "approval.data_invalid"),
    ])
    func anEmittedAnswerFitsItsQuestion(_ terms: String, _ answer: String, _ status: Int, _ code: String) async throws {
        let prompt = terms.contains("prompt") ? "" : #""prompt":"?","#
        let asking = #"{"type":"approval_requested","run_id":"r_1","data":{"approval_id":"a_3",\#(prompt)\#(terms)}}"#
        let answering = #"{"type":"approval_resolved","run_id":"r_1","data":{"approval_id":"a_3",\#(answer)}}"#
        try await Self.withAsking { service in
            let headers = Self.token("u_1/emit/command")
            let together = try await service.client.post(Self.path, asking + "\n" + answering, headers: headers)
            #expect(together.status == status)
            #expect(try together.errorCode == code)
            #expect(try together.json["error"]?["index"] == 1)
            #expect(try await service.client.post(Self.path, asking, headers: headers).status == 201)
            let alone = try await service.client.post(Self.path, answering, headers: headers)
            #expect(alone.status == status)
            #expect(try alone.errorCode == code)
            #expect(try await Self.resolved(service) == [])
        }
    }

    /// A backend that works for every user has no say in their threads.
    @Test func theScopeAloneIsNotEnoughInTheThreadOfAnother() async throws {
        try await Self.withAsking { service in
            let answer = try await service.client.post(
                Self.path + "?user_id=u_1", Self.answer("approved"), headers: Self.token("backend/emit/command"))
            #expect(answer.status == 403)
            #expect(try answer.errorCode == "approval.forbidden")
            #expect(try await Self.resolved(service) == [])
        }
    }
}
