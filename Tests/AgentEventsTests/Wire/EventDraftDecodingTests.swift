import AgentEvents
import Testing

struct EventDraftDecodingTests {
    struct Draft: CustomTestStringConvertible, Sendable {
        var text: String
        var code: WireError.Code
        var path: String

        init(_ text: String, _ code: WireError.Code, _ path: String) {
            self.text = text
            self.code = code
            self.path = path
        }

        var testDescription: String { text }
    }

    private func decode(_ text: String) throws -> EventDraft {
        try EventDecoder.decodeDraft(JSONValue(parsing: Array(text.utf8)), path: "$.e[0]", thread: "t_7")
    }

    @Test(arguments: [
        Draft("[]", .wrongType, "$.e[0]"),
        Draft("{}", .missingField, "$.e[0].type"),
        Draft(#"{"type":"agent_dreamed","run_id":"r","data":{}}"#, .unknownType, "$.e[0].type"),
        Draft(#"{"type":"agent_paused","id":"1-1","run_id":"r","data":{}}"#, .fieldNotAllowed, "$.e[0].id"),
        Draft(#"{"type":"agent_paused","seq":1,"run_id":"r","data":{}}"#, .fieldNotAllowed, "$.e[0].seq"),
        Draft(#"{"type":"agent_paused","from_seq":1,"run_id":"r","data":{}}"#, .fieldNotAllowed, "$.e[0].from_seq"),
        Draft(#"{"type":"agent_paused","time":"","run_id":"r","data":{}}"#, .fieldNotAllowed, "$.e[0].time"),
        Draft(#"{"type":"agent_paused","thread_id":"t_8","run_id":"r","data":{}}"#, .invalidValue, "$.e[0].thread_id"),
        Draft(
            #"{"type":"agent_paused","thread_id":"","run_id":"r","data":{}}"#, .invalidIdentifier, "$.e[0].thread_id"),
        Draft(#"{"type":"agent_paused","data":{}}"#, .missingField, "$.e[0].run_id"),
        Draft(#"{"type":"agent_paused","agent":"a","data":{}}"#, .missingField, "$.e[0].run_id"),
        Draft(#"{"type":"agent_started","run_id":"r","data":{}}"#, .missingField, "$.e[0].agent"),
        Draft(#"{"type":"agent_thinking","run_id":"r"}"#, .missingField, "$.e[0].data"),
        Draft(#"{"type":"agent_paused","run_id":"r","data":{},"extra":1}"#, .unknownField, "$.e[0].extra"),
        Draft(#"{"type":"agent_paused","run_id":"r","data":{"text":"x"}}"#, .unknownField, "$.e[0].data.text"),
        Draft(#"{"type":"agent_paused","run_id":"r","data":{"a b":"x"}}"#, .unknownField, #"$.e[0].data["a b"]"#),
        Draft(
            #"{"type":"agent_failed","run_id":"r","data":{"error":{"code":"c","message":"m","retryable":true,"#
                + #""trace":1},"duration_ms":1}}"#, .unknownField, "$.e[0].data.error.trace"),
        Draft(
            #"{"type":"user_message","run_id":"r","data":{"message_id":"m","user_id":"u","text":""}}"#,
            .fieldNotAllowed, "$.e[0].run_id"),
        Draft(
            #"{"type":"state_updated","agent":"a","data":{"version":1,"key":"k","value":1}}"#,
            .fieldNotAllowed, "$.e[0].agent"),
        Draft(#"{"type":"custom","agent":"a","data":{"name":"n","value":1}}"#, .missingField, "$.e[0].run_id"),
    ])
    func whatADraftMustNotBeIsRefused(_ draft: Draft) {
        let error = #expect(throws: WireError.self) { try decode(draft.text) }
        #expect(error?.code == draft.code)
        #expect(error?.path == draft.path)
    }

    @Test func anUnknownTypeIsAnsweredWithTheCatalogue() {
        let error = #expect(throws: WireError.self) { try decode(#"{"type":"x","data":{}}"#) }
        for type in EventType.allCases { #expect(error?.problem.contains(type.rawValue) == true) }
    }

    @Test func anUnknownMemberIsAnsweredWithTheMembersThatThereAre() {
        let error = #expect(throws: WireError.self) {
            try decode(#"{"type":"message_delta","run_id":"r","data":{"message_id":"m","text":"","role":"user"}}"#)
        }
        #expect(error?.problem.contains("message_id, text") == true)
        #expect(error?.problem.contains("custom") == true)
    }

    @Test func theThreadMayBeNamedAndTheAgentLeftOut() throws {
        #expect(
            try decode(#"{"type":"agent_paused","thread_id":"t_7","run_id":"r","data":{}}"#)
                == EventDraft(runID: "r", .agentPaused(AgentPaused())))
    }

    @Test func aCustomDraftMayBelongToTheThread() throws {
        #expect(
            try decode(#"{"type":"custom","data":{"name":"n","value":null}}"#)
                == EventDraft(.custom(CustomEvent(name: "n", value: nil))))
    }
}
