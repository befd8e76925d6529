import AgentEvents
import AgentEventsHub
import AgentEventsServer
import AgentEventsTestSupport
import AgentEventsTesting
import NIOCore
import Testing

/// Streams of server-sent events over real sockets, with a client of these tests. The numbers are those of the pitfalls that the
/// design lists.
@Suite(.timeLimit(.minutes(10)))
struct EventStreamTests {
    static let path = "/v1/threads/t_7/events"

    static func emit(
        _ count: Int,
        _ service: RunningService,
        thread: ThreadID = "t_7",
        user: UserID = "local",
        value: JSONValue = 1
    ) async throws {
        let context = try await service.runtime.context(user: user, thread: thread)
        let drafts = (0..<count).map { _ in EventDraft(.custom(CustomEvent(name: "n", value: value))) }
        try await service.runtime.waitForCommit(of: try await context.emit(drafts))
    }

    private static func sequences(_ messages: [RawEventStream.Message]) -> [Int64] { messages.compactMap(\.sequence) }

    // MARK: 23, 27: what a page gets

    /// Without a listener of its own for any kind of event, and in the very bytes of the log.
    @Test func everyEventIsAMessageInTheBytesOfTheLog() async throws {
        try await withRunningService { service in
            let text = "a\r\nb\nc\rd \u{2028}\u{2029} \u{1F9ED} é \u{0} : data: x"
            for value in [JSONValue.string(text), .string(""), 1, .object(JSONObject([(text, JSONValue.integer(1))]))] {
                try await Self.emit(1, service, value: value)
            }
            try await service.withEventStream(Self.path) { stream in
                #expect(stream.status == 200)
                #expect(stream.headers["content-type"] == "text/event-stream")
                let (messages, live) = try await stream.messages(until: "live")
                #expect(messages.prefix(2).map(\.operation) == ["welcome", "subscribed"])
                let events = messages.dropFirst(2)
                let logged = try await service.runtime.log.read(LogRead(.thread("t_7", after: 0))).events
                #expect(events.map(\.data) == logged.map { String(decoding: $0.bytes, as: UTF8.self) })
                #expect(events.map(\.id) == logged.map { "\($0.id)" })
                #expect(live.json["cursor"] == "1-4")
                // Live as well.
                try await Self.emit(2, service)
                let later = try await stream.events(2)
                #expect(later.map(\.id) == ["1-5", "1-6"])
            }
        }
    }

    @Test func itIsNotKeptChangedOrHeldBackOnTheWay() async throws {
        try await withRunningService { service in
            try await Self.emit(1, service)
            try await service.withEventStream(Self.path, headers: ["Accept-Encoding": "gzip, br"]) { stream in
                #expect(stream.headers["cache-control"] == "no-cache, no-transform")
                #expect(stream.headers["x-accel-buffering"] == "no")
                #expect(stream.headers["content-encoding"] == nil)
                #expect(stream.headers["x-content-type-options"] == "nosniff")
                #expect(stream.headers["transfer-encoding"] == "chunked")
                #expect(stream.headers["content-length"] == nil)
            }
        }
    }

    // MARK: 24: cursors

    @Test func whatIsNotInTheLogLeavesTheCursorOfThePageAlone() async throws {
        try await withRunningService { service in
            try await Self.emit(3, service)
            let cursor = try await service.withEventStream(Self.path, headers: ["Last-Event-ID": "7-2"]) { stream in
                let (messages, live) = try await stream.messages(until: "live")
                #expect(messages.prefix(3).map(\.operation) == ["welcome", "subscribed", "reset"])
                #expect(messages[2].json["reason"] == "diverged")
                // The page has none of this stream: should it lose it now, it comes back with what it had.
                #expect(messages.prefix(3).allSatisfy { $0.id == nil && $0.lastEventID == "" })
                #expect(Self.sequences(messages) == [1, 2, 3])
                #expect(live.id == nil)
                #expect(live.lastEventID == "1-3")
                return live.lastEventID
            }
            try await Self.emit(2, service)
            try await service.withEventStream(Self.path, headers: ["Last-Event-ID": cursor]) { stream in
                let (messages, _) = try await stream.messages(until: "live")
                #expect(messages.compactMap(\.operation) == ["welcome", "subscribed"])
                #expect(Self.sequences(messages) == [4, 5])
            }
        }
    }

    /// A page that has got an event comes back after it, whatever its URL says.
    @Test func theLastEventOfThePageStandsBeforeItsURL() async throws {
        try await withRunningService { service in
            try await Self.emit(5, service)
            for query in ["", "?after=1-1", "?after=start", "?after=now", "?after=snapshot"] {
                try await service.withEventStream(Self.path + query, headers: ["Last-Event-ID": "1-3"]) { stream in
                    let messages = try await stream.messages(until: "live").before
                    #expect(Self.sequences(messages) == [4, 5])
                }
            }
            try await service.withEventStream(Self.path + "?after=now") { stream in
                let messages = try await stream.messages(until: "live").before
                #expect(Self.sequences(messages) == [])
            }
            try await service.withEventStream(Self.path + "?after=snapshot") { stream in
                let (messages, _) = try await stream.messages(until: "live")
                #expect(messages.last?.operation == "snapshot")
                #expect(messages.last?.json["cursor"] == "1-5")
                #expect(messages.allSatisfy { $0.id == nil })
            }
        }
    }

    @Test func fragmentsMergeForOneThatCatchesUpUnlessItSaysOtherwise() async throws {
        try await withRunningService { service in
            let member = #""run_id":"r_1","agent":"guide""#
            let deltas = ["one ", "two ", "three"].map {
                #"{"type":"message_delta",\#(member),"data":{"message_id":"m_1","text":"\#($0)"}}"#
            }
            let lines = [#"{"type":"agent_started",\#(member),"data":{}}"#] + deltas
            let answer = try await service.client.post(
                Self.path, lines.joined(separator: "\n"), headers: ["Content-Type": "application/x-ndjson"])
            #expect(answer.status == 201)
            try await service.withEventStream(Self.path) { stream in
                let events = try await stream.messages(until: "live").before.filter { $0.sequence != nil }
                #expect(Self.sequences(events) == [1, 4])
                #expect(events.last?.json["from_seq"] == 2)
                #expect(events.last?.id == "1-4")
            }
            try await service.withEventStream(Self.path + "?merge=false") { stream in
                let messages = try await stream.messages(until: "live").before
                #expect(Self.sequences(messages) == [1, 2, 3, 4])
            }
            // The service that stops would wait for a run that is emitted from outside.
            let end = try await service.client.post(Self.path, #"{"type":"agent_cancelled",\#(member),"data":{}}"#)
            #expect(end.status == 201)
        }
    }

    // MARK: 26, 29: cursors that the log does not know, and readers that take nothing

    @Test(
        arguments: [
            ("1-99", "unknown", [1, 2, 3, 4, 5]), ("1-1", "trimmed", [3, 4, 5]), ("2-4", "diverged", [3, 4, 5]),
        ]
            as [(String, String, [Int64])])
    func aCursorThatTheLogDoesNotKnowIsAReset(_ cursor: String, _ reason: String, _ expected: [Int64]) async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await withRunningService(log: log) { service in
            try await Self.emit(5, service)
            if expected.first == 3 { try await log.trim([ThreadTrim(thread: "t_7", firstKept: 3)]) }
            try await service.withEventStream(Self.path, headers: ["Last-Event-ID": cursor]) { stream in
                let (messages, _) = try await stream.messages(until: "live")
                #expect(messages.compactMap(\.operation) == ["welcome", "subscribed", "reset"])
                #expect(messages.first { $0.operation == "reset" }?.json["reason"] == .string(reason))
                #expect(Self.sequences(messages) == expected)
            }
        }
    }

    @Test func aReaderThatTakesNothingIsClosedAndComesBackWithItsCursor() async throws {
        let count: Int64 = 800
        try await withRunningService {
            $0.slowReaderTimeout = .seconds(2)
            $0.outboundWatermarkByteCount = 16 * 1024
        } _: { service in
            // About 8 MB: more than the kernel keeps for a connection.
            let text = JSONValue.string(String(repeating: "x", count: 10_000))
            for _ in 0..<8 { try await Self.emit(Int(count) / 8, service, value: text) }
            let cursor = try await service.withEventStream(Self.path, receiveBufferByteCount: 65_536) { stream in
                _ = try await stream.events(1)
                try await service.waitForSubscribers(of: "t_7") { $0.isEmpty }
                var last = ""
                while let message = try await stream.next() { last = message.lastEventID }
                return last
            }
            let first = try #require(EventID(cursor)).sequence
            #expect(first < count)
            try await service.withEventStream(Self.path, headers: ["Last-Event-ID": cursor]) { stream in
                let events = try await stream.messages(until: "live").before
                #expect(Self.sequences(events) == Array(Int64(first) + 1...count))
            }
        }
    }

    // MARK: 30: the beginning

    /// The head and a comment come when the place is known, and not with the first event: there may be none for long.
    @Test func theFirstBytesDoNotWaitForAnEvent() async throws {
        try await withRunningService { service in
            try await Self.emit(1, service)
            try await service.withEventStream(Self.path + "?after=now") { stream in
                #expect(try await stream.piece() == .comment("agent-events.v1"))
                guard case .retry(let milliseconds)? = try await stream.piece() else {
                    Issue.record("the time to come back is not told")
                    return
                }
                #expect((1000...31_000).contains(milliseconds))
                #expect(try await stream.message().operation == "welcome")
            }
        }
    }

    // MARK: 25: silence

    @Test func aSilentStreamGetsCommentsAndNothingElse() async throws {
        try await withRunningService {
            $0.heartbeatInterval = .milliseconds(200)
        } _: { service in
            try await Self.emit(1, service)
            try await service.withEventStream(Self.path) { stream in
                _ = try await stream.messages(until: "live")
                for _ in 0..<20 { #expect(try await stream.piece() == .comment("")) }
                try await Self.emit(1, service)
                while let piece = try await stream.piece(), stream.comments.count < 1000 {
                    guard case .message(_, let id, _, _) = piece else { continue }
                    #expect(id == "1-2")
                    return
                }
                Issue.record("the event did not come: \(stream.comments.count) comments")
            }
        }
    }

    // MARK: The connection

    /// Browsers ask over a connection that they have used before, and some clients without waiting for the answer.
    @Test func anyRequestOfAConnectionMayAsk() async throws {
        try await withRunningService { service in
            try await Self.emit(2, service)
            let health = "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
            let ask = "GET \(Self.path) HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n"
            let text = try await RawExchange.run(
                port: service.client.port, health + health + ask + health, until: { $0.contains(#""op":"live""#) })
            let parts = text.split(separator: "HTTP/1.1 200 OK\r\n")
            #expect(parts.count == 3)
            #expect(parts.prefix(2).allSatisfy { $0.hasSuffix(#"{"status":"healthy"}"#) })
            #expect(parts.last?.contains(#""seq":2"#) == true)
        }
    }

    /// It ends with the connection then: chunks are of HTTP/1.1.
    @Test func aClientOfAnEarlierHTTPGetsItsBodyWithoutChunks() async throws {
        try await withRunningService { service in
            try await Self.emit(2, service)
            let ask = "GET \(Self.path) HTTP/1.0\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n"
            let text = try await RawExchange.run(
                port: service.client.port, ask, until: { $0.contains(#""op":"live""#) })
            let parts = text.split(separator: "\r\n\r\n", maxSplits: 1)
            #expect(text.hasPrefix("HTTP/1.0 200 OK\r\n"))
            #expect(!text.lowercased().contains("transfer-encoding"))
            #expect(parts.last?.hasPrefix(": agent-events.v1\nretry: ") == true)
        }
    }

    /// The connection is the stream's, and counts among those of its user for as long.
    @Test func aUserHasSoManyStreamsAsConnections() async throws {
        var limits = LimitConfiguration.none
        limits.connectionsPerUser = 1
        try await withRunningService(authenticator: NamingAuthenticator()) {
            $0.limits = limits
        } _: { service in
            try await Self.emit(1, service, user: "u_1")
            let headers = ["Authorization": "Bearer u_1"]
            try await service.withEventStream(Self.path, headers: headers) { stream in
                _ = try await stream.messages(until: "live")
                let refused = try await service.client.get(
                    Self.path, headers: headers.merging(["Accept": "text/event-stream"]) { $1 })
                #expect(refused.status == 429)
                #expect(try refused.errorCode == "limits.user_connections")
                #expect(refused.headers["retry-after"] == "5")
            }
            try await service.waitForSubscribers(of: "t_7", headers: headers) { $0.isEmpty }
            try await service.withEventStream(Self.path, headers: headers) { #expect($0.status == 200) }
        }
    }

    @Test func aStreamThatItsClientLeavesIsGone() async throws {
        try await withRunningService { service in
            try await Self.emit(1, service)
            try await service.withEventStream(Self.path) { stream in
                _ = try await stream.messages(until: "live")
                try await service.waitForSubscribers(of: "t_7") { $0.count == 1 }
            }
            try await service.waitForSubscribers(of: "t_7") { $0.isEmpty }
        }
    }

    // MARK: The end

    @Test func aServiceThatStopsTellsWhenToComeBack() async throws {
        try await withRunningService { service in
            try await Self.emit(1, service)
            try await service.withEventStream(Self.path) { stream in
                _ = try await stream.messages(until: "live")
                await service.shutDown()
                let rest = try await stream.rest()
                #expect(rest.map(\.operation) == ["drain"])
                let wait = try #require(rest.first?.json["reconnect_in_ms"]?.integerValue)
                #expect(stream.retries.count == 2)
                #expect(stream.retries.last == wait + 1000)
                #expect(stream.comments.last == "1001 reconnect_after_ms=\(wait)")
                // An end, and no connection that is lost.
                #expect(stream.isWhole)
            }
        }
    }

    @Test func thereIsNothingMoreOfAThreadThatWasDeleted() async throws {
        let sharer = ["Authorization": "Bearer u_1/read/share"]
        try await withRunningService(authenticator: NamingAuthenticator()) { service in
            try await Self.emit(2, service, user: "u_1")
            try await service.withEventStream(Self.path, headers: sharer) { stream in
                _ = try await stream.messages(until: "live")
                #expect(try await service.client.send("DELETE", "/v1/threads/t_7?wait", headers: sharer).status == 200)
                let rest = try await stream.rest()
                #expect(rest.map(\.operation) == ["unsubscribed"])
                #expect(rest.first?.json["code"] == "thread.deleted")
                #expect(stream.comments.last == "4403 thread.deleted")
                #expect(stream.isWhole)
            }
            // The page comes back by itself, and is told to stop.
            let again = sharer.merging(["Last-Event-ID": "1-2", "Accept": "text/event-stream"]) { $1 }
            let stop = try await service.client.get(Self.path, headers: again)
            #expect(stop.status == 204)
            #expect(stop.body.isEmpty)
            // One that was not here is told what the page of events tells, and a stranger nothing.
            try await Self.expectSameRefusal(Self.path, sharer, service, 410)
            try await Self.expectSameRefusal(Self.path, ["Authorization": "Bearer u_2"], service, 404)
            let stranger = ["Authorization": "Bearer u_2", "Last-Event-ID": "1-2"]
            try await Self.expectSameRefusal(Self.path, stranger, service, 404)
        }
    }

    /// The answer to a request for a stream is the one to a request for a page.
    static func expectSameRefusal(
        _ path: String,
        _ headers: [String: String],
        _ service: RunningService,
        _ status: Int
    ) async throws {
        let page = try await service.client.get(path, headers: headers)
        let stream = try await service.client.get(
            path, headers: headers.merging(["Accept": "text/event-stream"]) { $1 })
        #expect(stream.status == status)
        #expect(page.status == status)
        #expect(stream.body == page.body)
        for name in ["www-authenticate", "retry-after", "content-type", "access-control-allow-origin"] {
            #expect(stream.headers[name] == page.headers[name])
        }
    }
}
