import AgentEvents
import AgentEventsHub
import AgentEventsServer
import Testing

/// A stream of events is given to those who are given a page of them, with the same answers to all others.
@Suite(.timeLimit(.minutes(10)))
struct EventStreamRightsTests {
    private static let path = "/v1/threads/\(Guest.thread)/events"

    private static func with(_ body: @Sendable (RunningService) async throws -> Void) async throws {
        try await withRunningService(authenticator: GuestAuthenticator()) { (service: RunningService) async throws in
            try await EventStreamTests.emit(3, service, thread: Guest.thread, user: "owner")
            let store = try #require(service.runtime.log as? any StateStore)
            try await store.save(Guest.allCases.compactMap(\.row))
            try await body(service)
        }
    }

    @Test(arguments: ["/v1/threads/aaa-1/events", "/v1/threads/nobodys/events", "/v1/threads/aaa-1/events?after=1-1"])
    func whoMayReadIsGivenAStream(path: String) async throws {
        try await Self.with { (service: RunningService) async throws in
            for guest in Guest.allCases {
                let page = try await service.client.get(path, headers: guest.headers)
                guard page.status == 200 else {
                    try await EventStreamTests.expectSameRefusal(path, guest.headers, service, page.status)
                    continue
                }
                let logged = try #require(page.json["events"]?.arrayValue)
                try await service.withEventStream(path, headers: guest.headers) { stream in
                    #expect(stream.status == 200, "\(guest)")
                    let events = try await stream.messages(until: "live").before.filter { $0.sequence != nil }
                    #expect(events.map(\.json) == logged, "\(guest)")
                }
            }
        }
    }

    @Test(arguments: [
        ("?after=42", 400), ("?after=", 400), ("?cursor=1-1", 400), ("?after=1-1&after=1-2", 400), ("?token=x", 400),
    ])
    func aWrongQueryHasTheSameAnswer(_ query: String, _ status: Int) async throws {
        try await Self.with { (service: RunningService) async throws in
            let page = try await service.client.get(Self.path + query, headers: Guest.owner.headers)
            let stream = try await service.client.get(
                Self.path + query, headers: Guest.owner.headers.merging(["Accept": "text/event-stream"]) { $1 })
            #expect(stream.status == status)
            #expect(page.status == status)
            #expect(try stream.errorCode == page.errorCode)
        }
    }

    @Test(arguments: ["%zz", "a%20b", "%2e"])
    func aPathThatNamesNoThreadHasTheSameAnswer(_ thread: String) async throws {
        try await Self.with { (service: RunningService) async throws in
            try await EventStreamTests.expectSameRefusal(
                "/v1/threads/\(thread)/events", Guest.owner.headers, service, 400)
        }
    }

    @Test func aBodyAndAnotherMethodAreRefused() async throws {
        try await Self.with { (service: RunningService) async throws in
            let headers = Guest.owner.headers.merging(["Accept": "text/event-stream"]) { $1 }
            let withBody = try await service.client.send("GET", Self.path, headers: headers, body: "x")
            #expect(withBody.status == 400)
            let head = try await service.client.send("HEAD", Self.path, headers: headers)
            #expect(head.status == 406)
        }
    }

    /// Nothing is given any longer from the moment on at which the right is withdrawn; the stream stays, as a subscription does.
    @Test func aMemberThatIsRemovedGetsNothingFurther() async throws {
        try await Self.with { (service: RunningService) async throws in
            let member = Guest.memberViewer
            try await service.withEventStream(Self.path, headers: member.headers) { stream in
                _ = try await stream.messages(until: "live")
                let removed = try await service.client.send(
                    "DELETE", "/v1/threads/\(Guest.thread)/members/\(member)", headers: Guest.owner.headers)
                #expect(removed.status < 300)
                try await service.withEventStream(Self.path + "?after=now", headers: Guest.owner.headers) { owner in
                    _ = try await owner.messages(until: "live")
                    try await EventStreamTests.emit(3, service, thread: Guest.thread, user: "owner")
                    #expect(try await owner.events(3).count == 3)
                }
                await service.shutDown()
                #expect(try await stream.rest().map(\.operation) == ["drain"])
            }
        }
    }

    /// A page of another origin may read a stream when it may read the other answers.
    @Test(arguments: [("https://chat.example", 200), ("https://evil.example", 403), ("null", 403)])
    func pagesOfOtherOriginsReadItWhenTheyMay(_ origin: String, _ status: Int) async throws {
        try await withRunningService {
            $0.allowedOrigins = ["https://chat.example"]
        } _: { service in
            try await EventStreamTests.emit(1, service)
            // A browser asks without a preflight, also with the id of the last event.
            let headers = ["Origin": origin, "Last-Event-ID": "1-1"]
            try await service.withEventStream(EventStreamTests.path, headers: headers) { stream in
                #expect(stream.status == status)
                #expect(stream.headers["access-control-allow-origin"] == (status == 200 ? origin : nil))
                #expect(stream.headers["vary"] == "Origin")
                let exposed = stream.headers["access-control-expose-headers"]
                #expect(exposed?.contains("Last-Event-ID") == (status == 200 ? true : nil))
            }
            let asked = ["Origin": origin, "Access-Control-Request-Method": "GET"]
            let preflight = try await service.client.send("OPTIONS", EventStreamTests.path, headers: asked)
            #expect(preflight.status == (status == 200 ? 204 : 403))
            let allowed = preflight.headers["access-control-allow-headers"]
            #expect(allowed?.contains("Last-Event-ID") == (status == 200 ? true : nil))
        }
    }

    @Test func aNameThatIsNotOfThisMachineIsRefusedWithoutCredentials() async throws {
        try await withRunningService { service in
            try await EventStreamTests.emit(1, service)
            try await EventStreamTests.expectSameRefusal(
                EventStreamTests.path, ["Host": "evil.example"], service, 403)
        }
    }
}
