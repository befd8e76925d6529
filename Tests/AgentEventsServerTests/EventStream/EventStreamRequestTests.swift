import AgentEvents
import AgentEventsProtocol
import NIOHTTP1
import Testing

@testable import AgentEventsServer

struct EventStreamRequestTests {
    private static func request(
        _ uri: String,
        _ headers: [(String, String)] = [],
        method: HTTPMethod = .GET,
        accept: String? = "text/event-stream"
    ) -> EventStreamRequest? {
        let fields = headers + (accept.map { [("Accept", $0)] } ?? [])
        return EventStreamRequest(
            HTTPRequestHead(version: .http1_1, method: method, uri: uri, headers: HTTPHeaders(fields)), below: "/v1")
    }

    private static func subscription(_ query: String, _ lastEventID: String? = nil) throws -> SubscribeRequest {
        let request = request("/v1/threads/t_7/events" + query, lastEventID.map { [("Last-Event-ID", $0)] } ?? [])
        return try #require(request).subscription()
    }

    @Test(
        arguments: [
            ("text/event-stream", true), ("TEXT/Event-Stream", true), ("text/event-stream, */*", true),
            ("*/*, text/event-stream", true), ("text/event-stream;charset=utf-8", true),
            ("application/json;q=0.4, text/event-stream ; q=0.5", true), ("text/event-stream, application/json", true),
            ("application/json, text/event-stream", false), ("text/event-stream;q=0", false),
            ("text/event-stream;q=0.5, application/json;q=0.9", false), ("*/*", false), ("text/*", false),
            ("application/json", false), ("", false), ("text/event-streams", false), (nil, false),
            // A weight is a number from 0 to 1, and what has another one is not there.
            ("text/event-stream, application/json;q=7", true), ("text/event-stream;q=7", false),
            ("text/event-stream;q=x, application/json;q=0.1", false),
        ] as [(String?, Bool)])
    func aStreamIsForThoseWhoNameIt(_ accept: String?, _ isStream: Bool) {
        #expect((Self.request("/v1/threads/t_7/events", accept: accept) != nil) == isStream)
    }

    @Test(arguments: [
        ("/v1/threads/t_7/events", true), ("/v1/threads/t_7/events?after=1-1", true),
        ("/v1/threads/a%2Fb/events", true),
        ("/v1/threads//events", false), ("/v1/threads/events", false), ("/v1/threads/t/x/events", false),
        ("/v2/threads/t_7/events", false), ("/v1/threads/t_7/state", false), ("/v1/threads/t_7/events/", false),
        ("/", false), ("", false), ("*", false),
    ])
    func onlyThePathOfEventsHasThem(_ path: String, _ isStream: Bool) {
        #expect((Self.request(path) != nil) == isStream)
    }

    @Test(arguments: [HTTPMethod.POST, .HEAD, .OPTIONS, .PUT, .DELETE])
    func onlyGetHasThem(_ method: HTTPMethod) {
        #expect(Self.request("/v1/threads/t_7/events", method: method) == nil)
    }

    /// Where the hub has no routes, browsers are answered before they ask with a token.
    @Test func theQuestionsOfBrowsersAreTakenWhereNobodyElseDoes() {
        for (takes, method) in [(true, "GET"), (false, "GET"), (true, nil)] as [(Bool, String?)] {
            let fields = method.map { [("Access-Control-Request-Method", $0)] } ?? []
            let head = HTTPRequestHead(
                version: .http1_1, method: .OPTIONS, uri: "/v1/threads/t_7/events", headers: HTTPHeaders(fields))
            let request = EventStreamRequest(head, below: "/v1", takesPreflights: takes)
            #expect(request?.isPreflight == (takes && method != nil ? true : nil))
        }
    }

    @Test func aStreamBeginsAtTheStartOrWhereItsURLSaysOrAfterWhatThePageHas() throws {
        #expect(try Self.subscription("") == SubscribeRequest(thread: "t_7", start: .start))
        #expect(try Self.subscription("?after=now").start == .now)
        #expect(try Self.subscription("?after=start").start == .start)
        let cursor = EventID(generation: 3, sequence: 42)
        #expect(try Self.subscription("?after=3-42").start == .after(cursor))
        #expect(try Self.subscription("?after=3-1", "3-42").start == .after(cursor))
        #expect(try Self.subscription("?after=snapshot", "3-42").start == .after(cursor))
        #expect(try Self.subscription("?after=snapshot", "3-42").snapshot == .never)
        // One that has got nothing yet.
        #expect(try Self.subscription("?after=3-42", "").start == .after(cursor))
    }

    @Test func theStateComesFirstOrInThePlaceOfWhatIsGone() throws {
        #expect(try Self.subscription("?after=snapshot").snapshot == .atStart)
        #expect(try Self.subscription("?snapshot=true").snapshot == .onReset)
        #expect(try Self.subscription("?snapshot=true&after=now").snapshot == .atStart)
        #expect(try Self.subscription("?snapshot=true&after=now", "3-42").snapshot == .onReset)
        #expect(try Self.subscription("?snapshot=false").snapshot == .never)
        #expect(try Self.subscription("?merge=false").merges == false)
        #expect(try Self.subscription("").merges == true)
    }

    @Test(
        arguments: [
            ("?after=", nil, ProtocolError.Code.cursorInvalid), ("?after=42", nil, .cursorInvalid),
            ("", "42", .cursorInvalid), ("", "now", .cursorInvalid), ("?after=1-1", "x", .cursorInvalid),
            ("?merge=yes", nil, .requestInvalid), ("?snapshot=", nil, .requestInvalid),
        ] as [(String, String?, ProtocolError.Code)])
    func aWrongRequestIsRefused(_ query: String, _ lastEventID: String?, _ code: ProtocolError.Code) {
        #expect {
            _ = try Self.subscription(query, lastEventID)
        } throws: { error in
            (error as? ProtocolError)?.code == code
        }
    }

    @Test(arguments: [
        ("/v1/stream", "/v1"), ("v1/stream", "/v1"), ("/chat/v1/stream", "/chat/v1"), ("/stream", ""), ("stream", ""),
    ])
    func theThreadsStandBesideTheWebSocket(_ path: String, _ root: String) {
        #expect(EventStreamHandler.root(of: path) == root)
    }
}
