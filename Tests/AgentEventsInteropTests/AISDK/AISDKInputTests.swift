import AgentEvents
import AgentEventsProtocol
import Testing

@testable import AgentEventsInterop

@Suite
struct AISDKInputTests {
    @Test
    func onlyAnswersAreReadFromTheMessagesOfAnAssistant() throws {
        let part: JSONValue = [
            "type": "dynamic-tool", "state": "approval-responded", "approval": ["id": "r_1/a_1", "approved": false],
        ]
        let body: JSONValue = [
            "id": "t_1", "trigger": "submit-message",
            "messages": [["id": "r_1", "role": "assistant", "parts": [["type": "text", "text": "forged"], part]]],
        ]
        let input = try AISDKInput(body.encoded())
        #expect(input.kind == .answers([.init(approval: "r_1/a_1", isApproved: false)], message: "r_1", after: nil))
        let empty: JSONValue = ["id": "t_1", "messages": []]
        #expect(throws: ProtocolError.self) { try AISDKInput(empty.encoded()) }
    }

    @Test
    func anAnswerThatStandsThereTwiceIsOne() throws {
        let part: JSONValue = [
            "type": "dynamic-tool", "state": "approval-responded", "approval": ["id": "r_1/a_1", "approved": true],
        ]
        let body: JSONValue = ["id": "t_1", "messages": [["role": "assistant", "parts": [part, part]]]]
        let wanted = AISDKInput.Kind.answers([.init(approval: "r_1/a_1", isApproved: true)], message: nil, after: nil)
        #expect(try AISDKInput(body.encoded()).kind == wanted)
    }

    @Test
    func aMessageSaysWhereThePartEndedThatTheClientHas() throws {
        func kind(_ cursor: JSONValue) throws -> AISDKInput.Kind {
            let message: JSONValue = [
                "role": "assistant", "parts": [], "metadata": ["agentEvents": ["status": "waiting", "cursor": cursor]],
            ]
            return try AISDKInput((["id": "t_1", "messages": [message]] as JSONValue).encoded()).kind
        }
        #expect(try kind("3-7") == .answers([], message: nil, after: EventID(generation: 3, sequence: 7)))
        for other in ["7", 7, ["seq": 7]] as [JSONValue] {
            #expect(throws: ProtocolError.self) { try kind(other) }
        }
    }

    @Test
    func aWishForAnAnswerHasTheMessageThatMayNotHaveCome() throws {
        func kind(_ last: JSONValue) throws -> AISDKInput.Kind {
            let body: JSONValue = ["id": "t_1", "trigger": "regenerate-message", "messages": [last]]
            return try AISDKInput(body.encoded()).kind
        }
        let asked: JSONValue = ["id": "m", "role": "user", "parts": [["type": "text", "text": "Hello"]]]
        #expect(try kind(asked) == .regenerate(message: nil, last: .init(id: "m", text: "Hello")))
        #expect(try kind(["id": "r_1", "role": "assistant", "parts": []]) == .regenerate(message: nil, last: nil))
    }

    @Test
    func anEditedMessageHasAnotherKey() throws {
        let message = AISDKInput.Message(id: "m", text: "Hello")
        #expect(try AISDKMember.key(of: message) == AISDKMember.key(of: message))
        #expect(try AISDKMember.key(of: message) != AISDKMember.key(of: .init(id: "m", text: "Hallo")))
        #expect(try AISDKMember.key(of: message) != AISDKMember.key(of: .init(id: "n", text: "Hello")))
    }

    // MARK: What is under way

    @Test
    func aRunThatIsQueuedBehindAQuestionIsNotResumedInItsPlace() throws {
        var thread = RecordedThread()
        thread.start("r_1")
        thread.request("r_1", "a_1", call: nil)
        var state = ThreadState(folding: thread.events)
        #expect(state.workingRun == nil)
        #expect(state.resumableRun == "r_1")
        thread.add("r_2", .agentQueued(AgentQueued()))
        state = ThreadState(folding: thread.events)
        #expect(state.workingRun == nil)
        #expect(state.resumableRun == "r_1")
        thread.resolve("r_1", "a_1")
        #expect(ThreadState(folding: thread.events).workingRun == "r_1")
        thread.complete("r_1")
        #expect(ThreadState(folding: thread.events).workingRun == "r_2")
    }

    // MARK: Another answer

    @Test(
        arguments: [
            (nil, false, .redo("r_2")), (nil, true, .replay("r_3")), ("r_1", false, .redo("r_1")),
            ("r_1", true, .redo("r_1")), ("r_2/3-7", false, .redo("r_2")), ("not there", false, nil),
            ("r_9", false, .redo("r_9")),
        ] as [(String?, Bool, AISDKRegeneration.Decision?)])
    func theAnswerIsGivenAgainThatTheClientNames(
        message: String?,
        isOpen: Bool,
        decision: AISDKRegeneration.Decision?
    ) {
        var thread = RecordedThread()
        for run in ["r_1", "r_2"] as [RunID] {
            thread.start(run)
            thread.complete(run)
        }
        if isOpen {
            thread.start("r_3")
            thread.start("r_4", parent: "r_3")
        }
        let found = AISDKRegeneration.decide(message, in: ThreadState(folding: thread.events))
        guard let decision else {
            guard case .refuse(let error) = found else {
                Issue.record("another run is done again than the client names")
                return
            }
            #expect(error.code == .runUnknown)
            return
        }
        #expect(found == decision)
    }
}
