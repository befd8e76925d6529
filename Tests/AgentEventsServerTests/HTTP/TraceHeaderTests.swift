import AgentEvents
import AgentEventsHub
import AgentEventsTestSupport
import Testing

/// The place in a trace from which something is asked for, from the request to the events.
struct TraceHeaderTests {
    private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    private static let headers = ["traceparent": parent, "tracestate": "a=1, b=2", "baggage": "user=u_1"]
    private static let event = #"{"type":"agent_started","run_id":"r_1","agent":"guide","data":{}}"#

    private static func traces(_ events: [AgentEvent]) -> [TraceContext?] {
        events.compactMap { event in
            switch event.payload {
            case .userMessage(let message): .some(message.trace)
            case .agentStarted(let started): .some(started.trace)
            default: nil
            }
        }
    }

    private static let expected = TraceContext(traceparent: parent, tracestate: "a=1,b=2")

    @Test func aMessageAndItsRunHaveIt() async throws {
        try await withRunningService(agents: [EchoAgent()]) { service in
            let answer = try await service.client.post(
                "/v1/threads/t_7/messages", #"{"text":"Hello"}"#, headers: Self.headers)
            #expect(answer.status == 202)
            #expect(Self.traces(try await service.loggedEvents(in: "t_7")) == [Self.expected, Self.expected])
            let page = try await service.client.get("/v1/threads/t_7/events?limit=1")
            #expect(
                page.body.contains(#""text":"Hello","trace":{"traceparent":"\#(Self.parent)","tracestate":"a=1,b=2"}}"#)
            )
            #expect(!page.body.contains("baggage"))
        }
    }

    @Test func aCommandHasTheHeadersOrItsOwn() async throws {
        try await withRunningService { service in
            func send(_ key: String, _ trace: String) async throws {
                let body = #"{"name":"message","data":{"text":"Hello"\#(trace)}}"#
                let headers = Self.headers.merging(["Idempotency-Key": key]) { $1 }
                let answer = try await service.client.post("/v1/threads/t_7/commands", body, headers: headers)
                #expect(answer.status == 200, "\(answer.body)")
            }
            let own = "00-4bf92f3577b34da6a3ce929d0e0e4736-10f067aa0ba902b7-00"
            try await send("k_1", "")
            try await send("k_2", #","trace":{"traceparent":"\#(own)"}"#)
            try await send("k_3", #","trace":"none of the kind""#)
            #expect(
                Self.traces(try await service.loggedEvents(in: "t_7"))
                    == [Self.expected, TraceContext(traceparent: own), Self.expected])
        }
    }

    @Test func aStartHasTheHeadersOrItsOwn() async throws {
        try await withRunningService(agents: [EchoAgent()]) { service in
            let own = "00-4bf92f3577b34da6a3ce929d0e0e4736-10f067aa0ba902b7-00"
            for (thread, trace, expected) in [
                ("t_7", "", Self.expected),
                ("t_8", #","trace":{"traceparent":"\#(own)"}"#, TraceContext(traceparent: own)),
            ] {
                let body = #"{"name":"start","data":{"input":"Hello"\#(trace)}}"#
                let headers = Self.headers.merging(["Idempotency-Key": "k_1"]) { $1 }
                let answer = try await service.client.post("/v1/threads/\(thread)/commands", body, headers: headers)
                #expect(answer.status == 200, "\(answer.body)")
                #expect(Self.traces(try await service.loggedEvents(in: try ThreadID(thread))) == [expected])
            }
        }
    }

    @Test func emittedEventsHaveTheHeadersOrTheirOwn() async throws {
        try await withRunningService { service in
            let own = "00-4bf92f3577b34da6a3ce929d0e0e4736-10f067aa0ba902b7-00"
            let other =
                #"{"type":"agent_started","run_id":"r_2","agent":"guide","data":{"trace":{"traceparent":"\#(own)"}}}"#
            let more = #"{"type":"agent_thinking","run_id":"r_2","data":{"thought_id":"x","text":"y"}}"#
            let answer = try await service.client.post(
                "/v1/threads/t_7/events", [Self.event, other, more].joined(separator: "\n"), headers: Self.headers)
            #expect(answer.status == 201, "\(answer.body)")
            #expect(
                Self.traces(try await service.loggedEvents(in: "t_7")) == [
                    Self.expected, TraceContext(traceparent: own),
                ])
        }
    }

    @Test(arguments: ["", "x", "00-0-0-01", "\(parent)-x", "\(parent), \(parent)"])
    func aHeaderThatIsNoneRefusesNothing(_ value: String) async throws {
        try await withRunningService { service in
            let headers = ["traceparent": value, "tracestate": "a=1"]
            let message = try await service.client.post(
                "/v1/threads/t_7/messages", #"{"text":"x"}"#, headers: headers)
            let events = try await service.client.post("/v1/threads/t_7/events", Self.event, headers: headers)
            #expect(message.status == 202 && events.status == 201)
            #expect(Self.traces(try await service.loggedEvents(in: "t_7")) == [nil, nil])
        }
    }

    /// A request that is sent again has another span, and means the same.
    @Test func aKeyKnowsTheRequestFromAnotherSpan() async throws {
        try await withRunningService(agents: [EchoAgent()]) { service in
            for (path, body, status) in [
                ("messages", #"{"text":"Hello"}"#, 202), ("events", Self.event, 201),
            ] {
                var bodies: Set<String> = []
                for digit in 1...3 {
                    let span = "00-4bf92f3577b34da6a3ce929d0e0e4736-\(digit)0f067aa0ba902b7-01"
                    let answer = try await service.client.post(
                        "/v1/threads/t_7/\(path)", body, headers: ["traceparent": span, "Idempotency-Key": "k_\(path)"])
                    #expect(answer.status == status, "\(answer.body)")
                    bodies.insert(answer.body)
                }
                #expect(bodies.count == 1)
            }
        }
    }

    /// Only backends are believed that a trace is recorded.
    @Test(
        arguments: [([.read, .command, .open], false), ([.read, .command, .open, .emit], true)] as [(Set<Scope>, Bool)])
    func theFlagOfAFrontendDoesNotCount(_ scopes: Set<Scope>, _ isSampled: Bool) async throws {
        let authenticator = ScriptedAuthenticator(["a": Principal(user: "u_1", scopes: scopes)])
        try await withRunningService(authenticator: authenticator) { service in
            let headers = ["traceparent": Self.parent, "Authorization": "Bearer a"]
            let answer = try await service.client.post(
                "/v1/threads/u_1~notes/messages", #"{"text":"Hello"}"#, headers: headers)
            #expect(answer.status == 202, "\(answer.body)")
            let traces = Self.traces(try await service.loggedEvents(in: "u_1~notes"))
            let expected = try #require(TraceContext(traceparent: Self.parent))
            #expect(traces == [isSampled ? expected : expected.unsampled])
        }
    }
}
