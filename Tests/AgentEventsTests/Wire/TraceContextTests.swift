import Testing

@testable import AgentEvents

/// What of W3C Trace Context is read, and that anything else counts as none.
struct TraceContextTests {
    private static let id = "4bf92f3577b34da6a3ce929d0e0e4736"
    private static let span = "00f067aa0ba902b7"
    private static let parent = "00-\(id)-\(span)-01"

    @Test func aParentIsRead() throws {
        let context = try #require(TraceContext(traceparent: Self.parent))
        #expect(context.traceparent == Self.parent)
        #expect(context.traceID == Self.id)
        #expect(context.spanID == Self.span)
        #expect(context.isSampled)
        #expect(context.tracestate == nil)
        #expect(context.unsampled.traceparent == "00-\(Self.id)-\(Self.span)-00")
        #expect(!context.unsampled.isSampled)
        #expect(context.unsampled.unsampled == context.unsampled)
    }

    @Test(arguments: [
        ("00-\(id)-\(span)-00", "00"), ("00-\(id)-\(span)-03", "01"), ("00-\(id)-\(span)-fe", "00"),
        ("cc-\(id)-\(span)-01", "01"), ("cc-\(id)-\(span)-01-what-comes-later", "01"), ("01-\(id)-\(span)-00-", "00"),
    ])
    func flagsAndLaterVersionsAreReadAsFarAsTheyAreKnown(_ text: String, _ flags: String) {
        #expect(TraceContext(traceparent: text)?.traceparent == "00-\(Self.id)-\(Self.span)-\(flags)")
    }

    @Test(arguments: [
        "", "00", "00-\(id)-\(span)", "00-\(id)-\(span)-1", "00-\(id)-\(span)-01-", "00-\(id)-\(span)-01-x",
        "ff-\(id)-\(span)-01", "00-\(String(repeating: "0", count: 32))-\(span)-01",
        "00-\(id)-\(String(repeating: "0", count: 16))-01", "00-\(id.uppercased())-\(span)-01",
        "00-\(id)-\(span.uppercased())-01", "0X-\(id)-\(span)-01", "00-\(id)-\(span)-0G", "00_\(id)-\(span)-01",
        "00-\(id)_\(span)-01", "00-\(id)-\(span)_01", "cc-\(id)-\(span)-01x", " \(parent)", "\(parent) ",
        "\(parent), \(parent)", "00-\(id.dropLast())g-\(span)-01", "00-\(id.dropLast(3))é-\(span)-01",
    ])
    func anythingElseIsNone(_ text: String) {
        #expect(TraceContext(traceparent: text) == nil)
    }

    @Test(arguments: [
        ("a=1", "a=1"), ("vendor=t61rcWkgMzE , tenant@other=1", "vendor=t61rcWkgMzE,tenant@other=1"),
        (" \ta=1,, b=x y", "a=1,b=x y"), ("0a=1", "0a=1"), ("a_-*/=!~", "a_-*/=!~"),
    ])
    func aStateIsRead(_ text: String, _ expected: String) {
        #expect(TraceContext(traceparent: Self.parent, tracestate: text)?.tracestate == expected)
    }

    @Test(arguments: [
        "", " ", ",", "a", "a=", "=1", "A=1", "a=1,a=2", "a=b=c", "a b=1", "a=é", "a=\u{1}", "_a=1", "a@b@c=1", "@a=1",
        "a=" + String(repeating: "x", count: 257), "a=1," + String(repeating: "b", count: 512) + "=1",
        (0..<33).map { "k\($0)=1" }.joined(separator: ","),
    ])
    func aStateThatIsNoneIsLeftOut(_ text: String) {
        let context = TraceContext(traceparent: Self.parent, tracestate: text)
        #expect(context?.traceparent == Self.parent)
        #expect(context?.tracestate == nil)
    }

    // MARK: In events

    private static func draft(_ trace: String) throws -> EventDraft {
        let json = #"{"type":"agent_started","run_id":"r_1","agent":"guide","data":{"trace":\#(trace)}}"#
        return try EventDecoder.decodeDraft(try JSONValue(parsing: Array(json.utf8)), path: "$", thread: "t_1")
    }

    @Test func aDraftHasIt() throws {
        let draft = try Self.draft(#"{"traceparent":"\#(Self.parent)","tracestate":"a=1"}"#)
        #expect(draft.trace == TraceContext(traceparent: Self.parent, tracestate: "a=1"))
        let bytes = try EventEncoder.encodeDraft(draft)
        #expect(
            String(decoding: bytes, as: UTF8.self)
                == #"{"type":"agent_started","run_id":"r_1","agent":"guide","data":{"trace":{"traceparent":"\#(Self.parent)","tracestate":"a=1"}}}"#
        )
    }

    @Test(arguments: [
        "null", "7", #""\#(parent)""#, "[]", "{}", #"{"traceparent":7}"#, #"{"traceparent":"00"}"#,
        #"{"traceparent":"\#(parent)-x"}"#, #"{"tracestate":"a=1"}"#,
    ])
    func whatIsNotWellFormedRefusesNothing(_ trace: String) throws {
        #expect(try Self.draft(trace).trace == nil)
    }

    @Test func noOtherTypeHasIt() throws {
        let json = #"{"type":"agent_thinking","run_id":"r_1","data":{"thought_id":"x","text":"","trace":{}}}"#
        #expect(throws: WireError.self) {
            try EventDecoder.decodeDraft(try JSONValue(parsing: Array(json.utf8)), path: "$", thread: "t_1")
        }
        let draft = EventDraft(runID: "r_1", .agentThinking(AgentThinking(thoughtID: "x", text: "")))
        #expect(draft.traced(TraceContext(traceparent: Self.parent)) == draft)
    }

    @Test func aRequestThatIsSentAgainHasAnotherSpanAndTheSameDigest() throws {
        let message = EventDraft(.userMessage(UserMessage(messageID: "m_1", userID: "u_1", text: "x")))
        let one = message.traced(TraceContext(traceparent: Self.parent))
        let other = message.traced(TraceContext(traceparent: "00-\(Self.id)-\(Self.id.prefix(16))-00"))
        #expect(one != other)
        let digest = try RequestDigest(of: [message], for: "u_1", detail: nil)
        #expect(try RequestDigest(of: [one], for: "u_1", detail: nil) == digest)
        #expect(try RequestDigest(of: [other], for: "u_1", detail: nil) == digest)
        let text = EventDraft(.userMessage(UserMessage(messageID: "m_1", userID: "u_1", text: "y")))
        #expect(try RequestDigest(of: [text], for: "u_1", detail: nil) != digest)
    }
}
