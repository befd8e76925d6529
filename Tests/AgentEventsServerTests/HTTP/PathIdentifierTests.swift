import AgentEvents
import AgentEventsHub
import AgentEventsServer
import AgentEventsTesting
import Testing

/// Ids with characters that mean something in a URL: each is decoded once, and names the same thread everywhere.
@Suite struct PathIdentifierTests {
    private static let event = #"{"type":"custom","data":{"name":"n","value":1}}"#

    struct Segment: Sendable, CustomTestStringConvertible {
        var segment: String
        var thread: String
        var testDescription: String { segment }
    }

    @Test(arguments: [
        Segment(segment: "U02%2FT01", thread: "U02/T01"), Segment(segment: "U02%2fT01", thread: "U02/T01"),
        Segment(segment: "auth0%7C5f7c", thread: "auth0|5f7c"), Segment(segment: "auth0|5f7c", thread: "auth0|5f7c"),
        Segment(segment: "a+b", thread: "a+b"), Segment(segment: "a%2Bb", thread: "a+b"),
        Segment(segment: "a%252Fb", thread: "a%2Fb"), Segment(segment: "100%25", thread: "100%"),
        Segment(segment: "19:x@thread.v2", thread: "19:x@thread.v2"),
        Segment(segment: "a%3Fb%23c%26d%3De", thread: "a?b#c&d=e"), Segment(segment: "...", thread: "..."),
        Segment(segment: "%2E%2E%2Fx", thread: "../x"), Segment(segment: "aGk%2B%2Fw%3D%3D", thread: "aGk+/w=="),
    ])
    func aSegmentIsDecodedOnce(_ segment: Segment) async throws {
        try await withRunningService { service in
            let path = "/v1/threads/\(segment.segment)"
            let posted = try await service.client.post(path + "/events?user_id=a%2Bb+c%7C1", Self.event)
            #expect(posted.status == 201)
            let thread = try ThreadID(segment.thread)
            let record = try #require(try await service.runtime.log.thread(thread))
            #expect(record.user == "a+b+c|1")
            let page = try await service.client.get(path + "/events?after=%73tart")
            #expect(try page.json["events"]?.arrayValue?.first?["thread_id"] == .string(segment.thread))
            #expect(try await service.client.get(path + "/state").json["thread_id"] == .string(segment.thread))
            #expect(try await service.client.get(path + "/subscribers").status == 200)
        }
    }

    @Test(arguments: [
        "a%2", "a%", "%zz", "a%2gb", "a%20b", "%C3%A9", "%FF", "%2E", "%2e%2e", ".", "..", "a%2A", "a%00b",
    ])
    func whatIsNoIdIsRefused(_ segment: String) async throws {
        try await withRunningService { service in
            for tail in ["events", "state", "subscribers"] {
                let answer = try await service.client.get("/v1/threads/\(segment)/\(tail)")
                #expect(answer.status == 400, "\(tail)")
                #expect(try answer.errorCode == "request.invalid")
            }
            for tail in ["events", "messages"] {
                let answer = try await service.client.post("/v1/threads/\(segment)/\(tail)", Self.event)
                #expect(answer.status == 400, "\(tail)")
            }
        }
    }

    @Test func aMalformedEscapeSaysWhatWouldBeRight() async throws {
        try await withRunningService { service in
            let path = try await service.client.get("/v1/threads/100%/events")
            #expect(
                try path.json["error"]?["message"]?.stringValue
                    == "the thread in the path has a percent sign without two hexadecimal digits; a percent sign itself "
                    + "is written %25")
            let query = try await service.client.post("/v1/threads/t/events?user_id=100%", Self.event)
            #expect(query.status == 400)
            #expect(
                try query.json["error"]?["message"]?.stringValue
                    == "user_id in the query has a percent sign without two hexadecimal digits; a percent sign itself is "
                    + "written %25")
            #expect(try await service.client.get("/v1/threads/t/events").status == 404)
        }
    }

    @Test(arguments: ["7c9e6679-7425-40de-944b-e07fc1f90ae7", "a/b|c+d==", String(repeating: "k", count: 256)])
    func anIdempotencyKeyIsAnyId(_ key: String) async throws {
        try await withRunningService { service in
            for _ in 0..<2 {
                let answer = try await service.client.post(
                    "/v1/threads/t/events", Self.event, headers: ["Idempotency-Key": key])
                #expect(answer.status == 201)
            }
            #expect(try await service.loggedEvents(in: "t").count == 1)
        }
    }
}
