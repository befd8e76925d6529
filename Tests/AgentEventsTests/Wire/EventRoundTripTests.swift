import AgentEvents
import Testing

struct EventRoundTripTests {
    @Test func thereIsAnExampleOfEveryType() {
        #expect(Set(EventExample.all.compactMap(\.payload.type)) == Set(EventType.allCases))
    }

    @Test func everyMemberOfEveryTypeHasAnExample() throws {
        for type in EventType.allCases {
            var seen: Set<String> = []
            for example in EventExample.all where example.payload.type == type {
                let value = try JSONValue(parsing: example.bytes)
                var keys = try #require(value["data"]?.objectValue).keys
                // A report may have further members, which are its own.
                if type == .usageReported { keys = keys.filter(type.dataMembers.contains) }
                // The order of the wire is the order of the catalogue.
                #expect(keys == type.dataMembers.filter(keys.contains))
                seen.formUnion(keys)
            }
            #expect(seen == Set(type.dataMembers), "\(type)")
        }
    }

    @Test(arguments: EventExample.all)
    func theBytesAreTheseAndComeBack(_ example: EventExample) throws {
        let bytes = try EventEncoder.encode(example.event)
        #expect(String(decoding: bytes, as: UTF8.self) == example.text)
        let event = try EventDecoder.decode(bytes)
        #expect(event == example.event)
        #expect(event.unrecognized == nil)
        #expect(try EventEncoder.encode(event) == bytes)
    }

    @Test(arguments: EventExample.all)
    func aDraftComesBackToo(_ example: EventExample) throws {
        let value = try JSONValue(parsing: Array(example.draftText.utf8))
        let draft = try EventDecoder.decodeDraft(value, path: "$", thread: "t_7")
        var payload = example.payload
        // In a draft, `null` is how a language writes that there are none.
        if case .toolExecuting(var executing) = payload, executing.arguments == .null {
            executing.arguments = [:]
            payload = .toolExecuting(executing)
        }
        #expect(draft == EventDraft(runID: example.event.runID, agent: example.event.agent, payload))
    }

    @Test(arguments: EventExample.all)
    func membersInAnotherOrderMeanTheSame(_ example: EventExample) throws {
        let value = try JSONValue(parsing: example.bytes)
        var object: JSONObject = [:]
        for (key, member) in try #require(value.objectValue).reversed() {
            guard let inner = member.objectValue else {
                object[key] = member
                continue
            }
            object[key] = .object(JSONObject(inner.reversed().map { ($0.key, $0.value) }))
        }
        #expect(try EventDecoder.decode(JSONValue.object(object).encoded()) == example.event)
    }

    /// In a report of usage there are none in `data`.
    @Test(arguments: EventExample.all.filter { $0.payload.type != .usageReported })
    func unknownMembersAreKeptApart(_ example: EventExample) throws {
        var value = try #require(try JSONValue(parsing: example.bytes).objectValue)
        var data = try #require(value["data"]?.objectValue)
        data["later"] = ["x": nil]
        value["data"] = .object(data)
        value["région"] = [1]
        let event = try EventDecoder.decode(JSONValue.object(value).encoded())
        #expect(event.unrecognized == UnrecognizedMembers(envelope: ["région": [1]], data: ["later": ["x": nil]]))
        #expect(try EventEncoder.encode(event) == example.bytes)
    }

    @Test func unknownMembersOfAnErrorAreKeptApart() throws {
        let text = EventExample.all.map(\.text).first { $0.contains("run.lost") }
        let bytes = Array(try #require(text).replacing("\"retryable\"", with: "\"trace\":[1],\"retryable\"").utf8)
        let event = try EventDecoder.decode(bytes)
        #expect(event.unrecognized == UnrecognizedMembers(data: ["error": ["trace": [1]]]))
    }

    @Test(arguments: [
        #"{"type":"agent_dreamed","id":"1-1","seq":1,"thread_id":"t","run_id":"r","agent":"a","time":"2026-01-01T00:00:00Z","data":7}"#,
        #" {"x":1, "type":"later","id":"1-1","seq":1,"thread_id":"t","time":"2026-01-01T00:00:00.5+01:00"} "#,
    ])
    func anUnknownTypeKeepsItsBytes(_ text: String) throws {
        let event = try EventDecoder.decode(Array(text.utf8))
        guard case .unknown(let unknown) = event.payload else {
            Issue.record("\(event.payload)")
            return
        }
        #expect(unknown.bytes == Array(text.utf8))
        #expect(event.type == nil)
        #expect(event.typeName == unknown.typeName)
        let error = #expect(throws: WireError.self) { try EventEncoder.encode(event) }
        #expect(error?.code == .unknownType)
    }

    @Test func aMergedEventSaysWhereItStarts() throws {
        var event = EventExample(.messageDelta(MessageDelta(messageID: "m", text: "x")), "").event
        event.fromSequence = 40
        let bytes = try EventEncoder.encode(event)
        #expect(String(decoding: bytes, as: UTF8.self).contains(#""seq":42,"from_seq":40,"thread_id""#))
        #expect(try EventDecoder.decode(bytes) == event)
    }

    @Test func theLargestNumbersSurvive() throws {
        var event = EventExample(.custom(CustomEvent(name: "n", value: .integer(UInt64.max))), "").event
        event.id = EventID(generation: .max, sequence: .max)
        #expect(try EventDecoder.decode(EventEncoder.encode(event)) == event)
    }
}
