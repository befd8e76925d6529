import AgentEvents
import Testing

struct NearestNameTests {
    private static let subscribe = ["op", "req", "thread_id", "after", "consumer", "snapshot", "merge"]
    private static let emit = ["op", "req", "thread_id", "user_id", "key", "events"]
    private static let message = ["text", "agent", "data"]
    private static let call = ["call_id", "tool", "arguments", "purpose"]

    @Test(
        arguments: [
            ("from", subscribe, "after"), ("cursor", subscribe, "after"), ("since", subscribe, "after"),
            ("lastEventId", subscribe, "after"), ("threadId", subscribe, "thread_id"),
            ("thread", subscribe, "thread_id"),
            ("THREAD-ID", subscribe, "thread_id"), ("conversation_id", subscribe, "thread_id"),
            ("mrege", subscribe, "merge"), ("snapshots", subscribe, "snapshot"), ("after_cursor", subscribe, "after"),
            ("idempotency_key", emit, "key"), ("idempotencyKey", emit, "key"), ("event", emit, "events"),
            ("user", emit, "user_id"), ("userId", emit, "user_id"), ("content", message, "text"),
            ("message", message, "text"), ("txt", message, "text"), ("agnet", message, "agent"),
            ("attachments", message, "data"), ("callId", call, "call_id"), ("args", call, "arguments"),
            ("id", ["op", "req", "thread_id", "cursor"], "cursor"), ("id", subscribe, "req"), ("type", subscribe, nil),
            ("colour", subscribe, nil), ("x", message, nil), ("", message, nil), ("é", message, nil),
            (String(repeating: "a", count: 10_000), message, nil), ("after", [], nil),
        ] as [(String, [String], String?)])
    func theNearestNameIsFound(_ name: String, _ known: [String], _ nearest: String?) {
        #expect(NearestName.nearest(to: name, among: known) == nearest)
    }

    @Test func theProblemIsASentence() {
        #expect(
            NearestName.problem("content", kind: "member", of: "a message", known: Self.message)
                == #"a message has no member "content"; text is probably meant. Its members are: text, agent, data"#)
        #expect(
            NearestName.problem("colour", kind: "parameter", of: "this request", known: [])
                == #"this request has no parameter "colour". It has no parameters"#)
        let long = NearestName.problem(String(repeating: "a", count: 500), kind: "member", of: "ping", known: ["op"])
        #expect(long.utf8.count < 200)
    }
}
