import AgentEvents
import Testing

@Suite struct ThreadStateReadingTests {
    private static func example() throws -> JSONObject {
        let payloads: [EventPayload] = [.start(), .think, .delta("m_1"), .call("c_1"), .ask("a_1", call: "c_1")]
        var state = ThreadState()
        for (index, payload) in (payloads + [.stateUpdate, .start(), .complete]).enumerated() {
            let isOfThread = payload.type?.belongsToThread == true
            let run: RunID? = isOfThread ? nil : index < payloads.count ? "r_1" : "r_2"
            state.apply(
                AgentEvent(
                    id: EventID(generation: 1, sequence: UInt64(index + 1)), threadID: "t_7", runID: run,
                    agent: isOfThread ? nil : "guide", time: Timestamp(milliseconds: 0), payload: payload))
        }
        return try #require(state.json.objectValue)
    }

    /// One member of one element, or of the state, changed.
    struct Fault: CustomTestStringConvertible, Sendable {
        var member: String
        var inner: String?
        var value: JSONValue?
        var code: WireError.Code
        var path: String

        init(_ member: String, _ inner: String?, _ value: JSONValue?, _ code: WireError.Code, _ path: String) {
            self.member = member
            self.inner = inner
            self.value = value
            self.code = code
            self.path = path
        }

        var testDescription: String { path }
    }

    @Test(arguments: [
        Fault("format", nil, nil, .missingField, "$.format"),
        Fault("format", nil, 2, .invalidValue, "$.format"),
        Fault("cursor", nil, nil, .missingField, "$.cursor"),
        Fault("cursor", nil, "3-0", .invalidIdentifier, "$.cursor"),
        Fault("cursor", nil, 3, .wrongType, "$.cursor"),
        Fault("messages", nil, nil, .missingField, "$.messages"),
        Fault("messages", nil, [:], .wrongType, "$.messages"),
        Fault("messages", nil, [1], .wrongType, "$.messages[0]"),
        Fault("messages", "complete", "yes", .wrongType, "$.messages[0].complete"),
        Fault("messages", "role", "robot", .invalidValue, "$.messages[0].role"),
        Fault("runs", "status", "lost", .invalidValue, "$.runs[0].status"),
        Fault("runs", "ended_at", 7, .wrongType, "$.runs[0].ended_at"),
        Fault("runs", "thought", ["text": ""], .missingField, "$.runs[0].thought.thought_id"),
        Fault("runs", "error", ["code": "a"], .missingField, "$.runs[0].error.message"),
        Fault("runs", "progress", ["fraction": 2], .invalidValue, "$.runs[0].progress.fraction"),
        Fault("calls", "tool", "", .invalidIdentifier, "$.calls[0].tool"),
        Fault("approvals", "prompt", nil, .missingField, "$.approvals[0].prompt"),
        Fault("entries", "version", 0, .invalidValue, "$.entries[0].version"),
        Fault("entries", "removed", 1, .wrongType, "$.entries[0].removed"),
        Fault("dropped", "runs", -1, .invalidValue, "$.dropped.runs"),
        Fault("limits", "run_count", 0, .invalidValue, "$.limits.run_count"),
        Fault("limits", "thought_bytes", nil, .missingField, "$.limits.thought_bytes"),
    ])
    func faultIsNamedByCodeAndPath(_ fault: Fault) throws {
        var state = try Self.example()
        if let inner = fault.inner {
            switch state[fault.member] {
            case .array(var elements):
                var element = try #require(elements.first?.objectValue)
                element[inner] = fault.value
                elements[0] = .object(element)
                state[fault.member] = .array(elements)
            case .object(var object):
                object[inner] = fault.value
                state[fault.member] = .object(object)
            default:
                Issue.record("there is no \(fault.member)")
            }
        } else {
            state[fault.member] = fault.value
        }
        let changed = JSONValue.object(state)
        let error = #expect(throws: WireError.self) { try ThreadState(json: changed) }
        #expect(error?.code == fault.code)
        #expect(error?.path == fault.path)
    }

    @Test func openRunBeforeOneThatHasEndedIsAFault() throws {
        var state = try Self.example()
        state["runs"] = .array(try #require(state["runs"]?.arrayValue).reversed())
        let changed = JSONValue.object(state)
        let error = #expect(throws: WireError.self) { try ThreadState(json: changed) }
        #expect(error?.code == .invalidValue)
        #expect(error?.path == "$.runs")
    }

    @Test func unknownMembersAreSkipped() throws {
        var state = try Self.example()
        let known = try ThreadState(json: .object(state))
        state["later"] = 1
        #expect(try ThreadState(json: .object(state)) == known)
        #expect(throws: WireError.self) { try ThreadState(json: []) }
    }
}
