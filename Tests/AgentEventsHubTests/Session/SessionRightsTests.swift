import AgentEvents
import AgentEventsProtocol
import AgentEventsTestSupport
import AgentEventsTesting
import NIOCore
import NIOEmbedded
import Testing

@testable import AgentEventsHub

/// What a connection gets under an authorizer that takes its time, fails or changes its mind.
@Suite(.timeLimit(.minutes(10)))
struct SessionRightsTests {
    private static let all: Rights = [.read, .emit, .command, .open]

    private static func log(_ count: Int, in thread: ThreadID = "t_1", _ hub: AgentEventsHub) async throws {
        let context = try await hub.runtime.context(user: "u_2", thread: thread)
        for value in 0..<count {
            _ = try await context.emit(EventDraft(.custom(CustomEvent(name: "n", value: .integer(Int64(value))))))
        }
        try await context.flush()
    }

    private static func subscribe(_ thread: String = "t_1", _ more: String = "", req: Int = 1) -> String {
        #"{"op":"subscribe","req":\#(req),"thread_id":"\#(thread)"\#(more)}"#
    }

    private static func emit(_ thread: String = "t_1", req: Int, user: String = "u_2") -> String {
        let event = #"{"type":"custom","data":{"name":"n","value":\#(req)}}"#
        return #"{"op":"emit","req":\#(req),"thread_id":"\#(thread)","user_id":"\#(user)","events":[\#(event)]}"#
    }

    /// In words: the op with its `req`, the code of an error, or the number of an event.
    private static func words(_ session: RecordedSession) async throws -> [String] {
        try await session.texts().map { text in
            let json = try JSONValue(parsing: Array(text.utf8))
            if let op = json["op"]?.stringValue {
                let req = json["req"]?.integerValue.map { " \($0)" } ?? ""
                return (json["code"]?.stringValue ?? op) + req
            }
            return "event \(json["seq"]?.integerValue ?? 0)"
        }
    }

    private static func wait(for words: [String], _ session: RecordedSession) async throws {
        try await AgentEventsHubTests.wait(for: "\(words)") { try await Self.words(session).count >= words.count }
        let found = try await Self.words(session)
        #expect(found == words)
    }

    private static func with(
        _ authorizer: ScriptedAuthorizer,
        log: any EventLog = InMemoryEventLog(generations: .counting),
        on eventLoop: (any EventLoop)? = nil,
        _ body: @Sendable (RecordedSession) async throws -> Void
    ) async throws {
        // Time stands still: however slow the machine is, nothing is late that is not meant to be.
        let configuration = RuntimeConfiguration(environment: .manual(ManualClock()))
        try await RecordedSession.with(
            log: log, authorizer: authorizer, configuration: configuration, on: eventLoop
        ) { session in
            // Whatever is held is let go, so that a hub can end whose test has failed.
            defer { authorizer.release() }
            try await body(session)
        }
    }

    @Test func whoMayReadGetsTheThreadOfSomebodyElse() async throws {
        try await Self.with(ScriptedAuthorizer { _ in Self.all }) { session in
            try await Self.log(2, session.hub)
            try await session.send(Self.subscribe("t_1", #","after":"start""#))
            try await Self.wait(for: ["subscribed 1", "event 1", "event 2", "live"], session)
            try await Self.log(1, session.hub)
            try await session.send(Self.emit(req: 2))
            try await AgentEventsHubTests.wait(for: "everything") { try await session.texts().count == 7 }
            #expect(try await Set(Self.words(session).suffix(3)) == ["event 3", "event 4", "emitted 2"])
        }
    }

    /// Whatever is asked about a thread that may not be used is answered in the same bytes as for one that does not exist.
    @Test(arguments: [
        "", #","after":"start""#, #","after":"1-1""#, #","after":"1-9""#, #","after":"7-1""#, #","snapshot":true"#,
        #","consumer":"phone""#,
    ])
    func aForbiddenThreadIsAnUnknownOne(_ start: String) async throws {
        func transcript(_ count: Int) async throws -> [String] {
            let authorizer = ScriptedAuthorizer { _ in [] }
            return try await RecordedSession.with(authorizer: authorizer) { session in
                if count > 0 { try await Self.log(count, session.hub) }
                try await session.send(Self.subscribe("t_1", start))
                try await session.send(#"{"op":"ack","thread_id":"t_1","cursor":"1-1"}"#)
                try await session.send(Self.emit(req: 2))
                try await session.send(Self.emit(req: 3, user: "u_1"))
                try await session.send(#"{"op":"unsubscribe","req":4,"thread_id":"t_1"}"#)
                try await session.send(#"{"op":"ping","req":5}"#)
                try await AgentEventsHubTests.wait(for: "the last answer") {
                    try await session.texts().contains { $0.contains("unsubscribed") }
                }
                return try await session.texts()
            }
        }
        let forbidden = try await transcript(3)
        let unknown = try await transcript(0)
        #expect(Set(forbidden) == Set(unknown))
        #expect(forbidden.count { $0.contains("thread.unknown") } == 2)
        #expect(forbidden.contains { $0.contains("ack.not_sent") })
    }

    @Test func aThrowIsAnErrorOfTheRequestAndTheConnectionLives() async throws {
        let authorizer = ScriptedAuthorizer { _ in throw ScriptedAuthorizer.Broken() }
        try await Self.with(authorizer) { session in
            try await Self.log(1, session.hub)
            try await session.send(Self.subscribe())
            try await Self.wait(for: ["auth.unavailable 1"], session)
            try await session.send(Self.emit(req: 2))
            try await Self.wait(for: ["auth.unavailable 1", "auth.unavailable 2"], session)
            #expect(try await session.texts().allSatisfy { $0.contains(#""retryable":true,"retry_after_ms":1000"#) })
            authorizer.set { _ in Self.all }
            try await session.send(Self.subscribe("t_1", #","after":"start""#, req: 3))
            try await AgentEventsHubTests.wait(for: "live") { try await Self.words(session).last == "live" }
            #expect(try await Self.words(session).suffix(3) == ["subscribed 3", "event 1", "live"])
        }
    }

    /// One lane for each thread: what waits for an answer keeps its place, and keeps nothing else waiting.
    @Test func aSlowAuthorizerDelaysOnlyItsThreadAndInOrder() async throws {
        let authorizer = ScriptedAuthorizer { _ in Self.all }
        try await Self.with(authorizer) { session in
            try await Self.log(1, session.hub)
            try await Self.log(1, in: "t_2", session.hub)
            authorizer.hold("t_1")
            try await session.send(Self.subscribe("t_1", #","snapshot":true"#, req: 1))
            try await session.send(Self.emit("t_1", req: 2))
            try await session.send(#"{"op":"unsubscribe","req":3,"thread_id":"t_1"}"#)
            try await session.send(Self.emit("t_1", req: 4))
            try await session.send(Self.subscribe("t_2", #","snapshot":true"#, req: 5))
            try await session.send(Self.emit("t_2", req: 6))
            try await AgentEventsHubTests.wait(for: "the other thread") {
                try await Self.words(session).contains("emitted 6")
            }
            let before = try await Self.words(session)
            #expect(before.first == "subscribed 5")
            #expect(
                !before.contains { $0.hasSuffix(" 1") && $0 != "event 1" || $0.hasSuffix(" 3") || $0.hasSuffix(" 4") })
            authorizer.release()
            try await AgentEventsHubTests.wait(for: "all answers") {
                try await Self.words(session).contains("emitted 4")
            }
            let answers = try await Self.words(session).filter { word in
                ["subscribed 1", "emitted 2", "unsubscribed 3", "emitted 4"].contains(word)
            }
            #expect(answers == ["subscribed 1", "emitted 2", "unsubscribed 3", "emitted 4"])
        }
    }

    /// It is answered within the two seconds, and nobody is there any longer.
    @Test func anAnswerAfterTheEndOfTheConnectionFindsNobody() async throws {
        let authorizer = ScriptedAuthorizer { _ in Self.all }
        try await Self.with(authorizer) { session in
            try await Self.log(1, session.hub)
            authorizer.hold("t_1")
            try await session.send(Self.subscribe())
            try await session.send(Self.emit("t_2", req: 2, user: "u_1"))
            try await AgentEventsHubTests.wait(for: "both") {
                try await Self.words(session).contains("emitted 2") && authorizer.waitingCount == 1
            }
            try await session.onLoop { _, session in session.closed() }
            authorizer.release()
            try await AgentEventsHubTests.wait(for: "the end of the question") { authorizer.waitingCount == 0 }
            #expect(try await session.hub.subscribers(of: "t_1").isEmpty)
            #expect(try await Self.words(session) == ["emitted 2"])
        }
    }

    /// Taken away and given back while the subscription is live: nothing is written in between, and nothing is missing.
    @Test func aChangeOfMindTakesEffectAtOnceAndNothingIsMissed() async throws {
        let authorizer = ScriptedAuthorizer { _ in Self.all }
        try await Self.with(authorizer) { session in
            try await Self.log(1, session.hub)
            try await session.send(Self.subscribe("t_1", #","after":"start""#))
            try await Self.wait(for: ["subscribed 1", "event 1", "live"], session)
            authorizer.set { _ in [] }
            session.hub.invalidateRights(user: "u_1", thread: "t_1")
            try await AgentEventsHubTests.wait(for: "the question") { authorizer.requests.count >= 2 }
            try await Self.log(2, session.hub)
            try await session.send(#"{"op":"ping","req":2}"#)
            try await Self.wait(for: ["subscribed 1", "event 1", "live", "pong 2"], session)
            // What it was sent is handled, and is none of its business any longer.
            try await session.send(#"{"op":"ack","req":3,"thread_id":"t_1","cursor":"1-1"}"#)
            try await Self.wait(for: ["subscribed 1", "event 1", "live", "pong 2", "ack.not_sent 3"], session)
            authorizer.set { _ in Self.all }
            session.hub.invalidateRights(user: nil, thread: nil)
            try await AgentEventsHubTests.wait(for: "the events") { try await session.texts().count == 7 }
            #expect(try await Self.words(session).suffix(2) == ["event 2", "event 3"])
            try await Self.log(1, session.hub)
            try await AgentEventsHubTests.wait(for: "the next event") { try await session.texts().count == 8 }
            #expect(try await Self.words(session).last == "event 4")
        }
    }

    /// The numbers of the events of a thread that the client was sent, and `live`.
    private static func given(_ thread: ThreadID, _ session: RecordedSession) async throws -> [String] {
        try await session.texts().compactMap { text in
            let json = try JSONValue(parsing: Array(text.utf8))
            guard json["thread_id"]?.stringValue == thread.rawValue else { return nil }
            return json["seq"]?.integerValue.map { "\($0)" } ?? (json["op"] == "live" ? "live" : nil)
        }
    }

    /// It was asked for while it was allowed, and comes when it no longer is; with the look-up, which then finds a thread
    /// without events, or after it.
    @Test(arguments: [true, false])
    func aPageThatComesAfterTheRightsAreGoneIsNotGiven(isFirst: Bool) async throws {
        let authorizer = ScriptedAuthorizer { _ in Self.all }
        let log = HeldReadsLog()
        try await Self.with(authorizer, log: log) { session in
            defer { log.letGo() }
            for thread in ["t_1", "t_2"] as [ThreadID] { try await Self.log(2, in: thread, session.hub) }
            // To a client that takes nothing the place is told alone.
            try await session.onLoop { transport, _ in transport.isWritable = isFirst }
            log.hold()
            try await session.send(Self.subscribe("t_1", #","after":"start""#))
            if !isFirst {
                try await Self.wait(for: ["subscribed 1"], session)
                try await session.onLoop { transport, session in
                    transport.isWritable = true
                    session.writabilityChanged()
                }
            }
            await log.waitForRead()
            authorizer.set { $0.thread == "t_1" ? [] : Self.all }
            session.hub.invalidateRights(user: "u_1", thread: "t_1")
            // A connection reads one page at a time: the next one comes after the first one was looked at.
            try await session.send(Self.subscribe("t_2", #","after":"start""#, req: 2))
            try await AgentEventsHubTests.wait(for: "the other place") {
                try await Self.words(session).contains("subscribed 2")
            }
            log.letGo()
            try await AgentEventsHubTests.wait(for: "the other thread") {
                try await Self.given("t_2", session) == ["1", "2", "live"]
            }
            #expect(try await Self.given("t_1", session) == (isFirst ? ["live"] : []))
            authorizer.set { _ in Self.all }
            session.hub.invalidateRights(user: "u_1", thread: nil)
            try await AgentEventsHubTests.wait(for: "the events") { try await Self.given("t_1", session).count == 3 }
            #expect(try await Self.given("t_1", session) == (isFirst ? ["live", "1", "2"] : ["1", "2", "live"]))
        }
    }

    /// Rights change once more when the answer is there, and on its way to the loop: it is asked again, and the last answer
    /// counts.
    @Test(arguments: [true, false])
    func anAnswerFromBeforeTheLastChangeIsAskedForAgain(isAllowedLast: Bool) async throws {
        let authorizer = ScriptedAuthorizer { _ in Self.all }
        // The time of its loop stands still: no sweep puts the question a little later.
        try await Self.with(authorizer, on: NIOAsyncTestingEventLoop()) { session in
            try await Self.log(1, session.hub)
            try await session.send(Self.subscribe("t_1", #","after":"start""#))
            try await Self.wait(for: ["subscribed 1", "event 1", "live"], session)
            let asked = authorizer.requests.count
            authorizer.set { _ in isAllowedLast ? [] : Self.all }
            authorizer.hold("t_1")
            session.hub.invalidateRights(user: nil, thread: nil)
            try await AgentEventsHubTests.wait(for: "the question") { authorizer.waitingCount == 1 }
            let question = try #require(authorizer.requests.last)
            try await session.onLoop { _, stream in
                authorizer.release()
                // The loop is held until the answer is on its way to it.
                while session.hub.services.access.known(question) == nil {}
                authorizer.set { _ in isAllowedLast ? Self.all : [] }
                // As the hub does: what it tells its loops comes before the answer.
                session.hub.services.access.invalidate(user: nil, thread: nil)
                stream.accessChanged()
            }
            try await AgentEventsHubTests.wait(for: "another question", within: .seconds(120)) {
                authorizer.requests.count == asked + 2
            }
            try await Self.log(1, session.hub)
            try await session.send(#"{"op":"ping","req":2}"#)
            guard isAllowedLast else {
                return try await Self.wait(for: ["subscribed 1", "event 1", "live", "pong 2"], session)
            }
            try await AgentEventsHubTests.wait(for: "the event") { try await session.texts().count == 5 }
            #expect(try await Self.words(session).contains("event 2"))
        }
    }

    /// There from before the thread has an event: silent while it may not read, and served from the first event once it may.
    @Test func whoWaitsForAThreadGetsItOnceAllowed() async throws {
        let authorizer = ScriptedAuthorizer { _ in [] }
        try await Self.with(authorizer) { session in
            try await session.send(Self.subscribe())
            try await Self.wait(for: ["subscribed 1", "live"], session)
            try await Self.log(2, session.hub)
            try await AgentEventsHubTests.wait(for: "the question") { authorizer.requests.last?.owner == "u_2" }
            try await Self.log(1, session.hub)
            #expect(try await session.hub.subscribers(of: "t_1").isEmpty)
            try await Self.wait(for: ["subscribed 1", "live"], session)
            authorizer.set { _ in .read }
            session.hub.invalidateRights(user: "u_1", thread: nil)
            try await AgentEventsHubTests.wait(for: "the events") { try await session.texts().count == 5 }
            #expect(try await Self.words(session) == ["subscribed 1", "live", "event 1", "event 2", "event 3"])
            #expect(try await session.hub.subscribers(of: "t_1").count == 1)
        }
    }

    /// The answer is about a thread without events, and by then it has one.
    @Test func theFirstEventIsGivenThoughItComesDuringAQuestion() async throws {
        let authorizer = ScriptedAuthorizer { _ in Self.all }
        try await Self.with(authorizer) { session in
            try await session.send(Self.subscribe())
            try await Self.wait(for: ["subscribed 1", "live"], session)
            authorizer.hold("t_1")
            session.hub.invalidateRights(user: nil, thread: nil)
            try await AgentEventsHubTests.wait(for: "the question") { authorizer.waitingCount == 1 }
            try await Self.log(1, session.hub)
            // The loop has the commit, and then the answer.
            try await session.onLoop { _, _ in }
            authorizer.release()
            try await Self.wait(for: ["subscribed 1", "live", "event 1"], session)
        }
    }

    /// Also before the first commit that its loop sees.
    @Test func aForbiddenSubscriptionIsNoSubscriberOfTheThread() async throws {
        try await Self.with(ScriptedAuthorizer { _ in [] }) { session in
            try await Self.log(1, session.hub)
            try await session.send(Self.subscribe())
            // What two threads get has no order between them.
            try await Self.wait(for: ["subscribed 1", "live"], session)
            try await session.send(Self.subscribe("t_2", req: 2))
            try await Self.wait(for: ["subscribed 1", "live", "subscribed 2", "live"], session)
            #expect(try await session.hub.subscribers(of: "t_1").isEmpty)
            #expect(try await session.hub.subscribers(of: "t_2").count == 1)
        }
    }

    /// Where nobody can say whether it may be given, it waits, and is asked for again with the next sweep.
    @Test func withoutAnAnswerEventsWaitAndAreNotLost() async throws {
        let authorizer = ScriptedAuthorizer { _ in Self.all }
        var limits = StreamLimits.patient
        limits.stallMilliseconds = 50
        try await RecordedSession.with(limits: limits, authorizer: authorizer) { session in
            try await session.send(Self.subscribe())
            try await Self.wait(for: ["subscribed 1", "live"], session)
            authorizer.set { _ in throw ScriptedAuthorizer.Broken() }
            session.hub.invalidateRights(user: nil, thread: nil)
            try await Self.log(2, session.hub)
            let asked = authorizer.requests.count
            try await AgentEventsHubTests.wait(for: "another try") { authorizer.requests.count > asked + 2 }
            try await Self.wait(for: ["subscribed 1", "live"], session)
            authorizer.set { _ in Self.all }
            try await AgentEventsHubTests.wait(for: "the events") { try await session.texts().count == 4 }
            #expect(try await Self.words(session) == ["subscribed 1", "live", "event 1", "event 2"])
        }
    }
}
