import AgentEvents
import AgentEventsProtocol
import AgentEventsTestSupport
import AgentEventsTesting
import NIOCore
import Synchronization
import Testing

@testable import AgentEventsHub

/// What is on its way to a client when its rights go is not given.
@Suite(.timeLimit(.minutes(10)))
struct WithdrawnRightsTests {
    private static let all: Rights = [.read, .emit, .command, .open]

    private static func with(
        log: any EventLog = InMemoryEventLog(generations: .counting),
        _ body: @Sendable (RecordedSession, ScriptedAuthorizer) async throws -> Void
    ) async throws {
        let authorizer = ScriptedAuthorizer { _ in all }
        let configuration = RuntimeConfiguration(environment: .manual(ManualClock()))
        try await RecordedSession.with(log: log, authorizer: authorizer, configuration: configuration) { session in
            defer { authorizer.release() }
            try await body(session, authorizer)
        }
    }

    private static func log(_ count: Int, _ hub: AgentEventsHub) async throws {
        let context = try await hub.runtime.context(user: "u_2", thread: "t_1")
        for _ in 0..<count {
            let message = UserMessage(messageID: "m_0", userID: "u_2", text: "x")
            try await context.emit(EventDraft(.userMessage(message)))
        }
        try await context.flush()
    }

    /// A run with open calls, so large that their state comes in two parts; three events.
    private static func openCalls(_ hub: AgentEventsHub) async throws {
        let context = try await hub.runtime.context(user: "u_2", thread: "t_1")
        try await context.emit(EventDraft(runID: "r_1", agent: "guide", .agentStarted(AgentStarted())))
        let arguments: JSONValue = ["query": .string(String(repeating: "x", count: 700_000))]
        for call in ["c_1", "c_2"] as [CallID] {
            let executing = ToolExecuting(callID: call, tool: "search", arguments: arguments)
            try await context.emit(EventDraft(runID: "r_1", .toolExecuting(executing)))
        }
        try await context.flush()
    }

    private static func subscribe(_ start: String) -> String {
        #"{"op":"subscribe","thread_id":"t_1","after":"\#(start)"}"#
    }

    /// What the client was sent of the thread: the op, with the part of a snapshot, or the number of an event.
    private static func given(_ session: RecordedSession) async throws -> [String] {
        try await session.texts().compactMap { text in
            let json = try JSONValue(parsing: Array(text.utf8))
            guard json["thread_id"] == "t_1" else { return nil }
            if let number = json["seq"]?.integerValue { return "\(number)" }
            let part = json["part"]?.integerValue.map { " \($0)" } ?? ""
            return (json["op"]?.stringValue ?? "") + part
        }
    }

    private static func pong(_ session: RecordedSession) async throws {
        try await session.send(#"{"op":"ping","req":9}"#)
        try await wait(for: "the pong") { try await session.texts().contains { $0.contains(#""pong""#) } }
    }

    /// What is asked for otherwise, too: it was begun while it was allowed.
    @Test(arguments: [true, false]) func whatIsReadIsNotGivenOnceTheRightsAreGone(_ isState: Bool) async throws {
        let log = HeldReadsLog()
        try await Self.with(log: log) { session, authorizer in
            defer { log.letGo() }
            try await Self.log(2, session.hub)
            let hub = session.hub
            let reader = Principal(user: "u_1")
            @Sendable func code() async -> String? {
                do {
                    if isState {
                        _ = try await hub.state(of: "t_1", for: reader)
                    } else {
                        _ = try await hub.reading("t_1", for: reader) { _, _ in
                            try await hub.runtime.log.read(LogRead(.thread("t_1", after: 0)))
                        }
                    }
                    return nil
                } catch {
                    return (error as? ProtocolError)?.code.rawValue ?? "\(error)"
                }
            }
            #expect(await code() == nil)
            log.hold()
            // The state of before is at hand, and is read on from there.
            try await Self.log(1, hub)
            async let withdrawn = code()
            await log.waitForRead()
            authorizer.set { _ in [] }
            hub.invalidateRights(user: "u_1", thread: "t_1")
            log.letGo()
            #expect(await withdrawn == "thread.unknown")
        }
    }

    /// The loop is busy: a commit from before the change waits for it, and one from after it comes to the same place.
    @Test func whatIsCommittedAfterTheChangeIsNotGivenByALoopThatIsBusy() async throws {
        try await Self.with { session, authorizer in
            try await Self.log(1, session.hub)
            try await session.send(Self.subscribe("start"))
            try await wait(for: "live") { try await Self.given(session) == ["subscribed", "1", "live"] }
            let isBusy = Atomic(false)
            let isLetGo = Atomic(false)
            defer { isLetGo.store(true, ordering: .sequentiallyConsistent) }
            async let busy: Void = session.onLoop { _, _ in
                isBusy.store(true, ordering: .sequentiallyConsistent)
                while !isLetGo.load(ordering: .sequentiallyConsistent) {}
            }
            try await wait(for: "the loop") { isBusy.load(ordering: .sequentiallyConsistent) }
            try await Self.log(1, session.hub)
            authorizer.set { _ in [] }
            session.hub.invalidateRights(user: "u_1", thread: "t_1")
            try await Self.log(1, session.hub)
            isLetGo.store(true, ordering: .sequentiallyConsistent)
            try await busy
            try await Self.pong(session)
            #expect(try await !Self.given(session).contains("3"))
            authorizer.set { _ in Self.all }
            session.hub.invalidateRights(user: nil, thread: nil)
            try await wait(for: "the events") { try await Self.given(session).last == "3" }
            #expect(try await Self.given(session) == ["subscribed", "1", "live", "2", "3"])
        }
    }

    /// The thread is looked up while it may be read; when the answer comes it is a thread that the client knows nothing of.
    @Test(arguments: ["start", "snapshot"])
    func whatWasFoundBeforeTheChangeIsLookedUpAgain(start: String) async throws {
        let log = HeldReadsLog()
        try await Self.with(log: log) { session, authorizer in
            defer { log.letGo() }
            try await Self.log(2, session.hub)
            log.hold()
            try await session.send(Self.subscribe(start))
            await log.waitForRead()
            authorizer.set { _ in [] }
            session.hub.invalidateRights(user: "u_1", thread: "t_1")
            log.letGo()
            try await wait(for: "the place") { try await Self.given(session).contains("subscribed") }
            let texts = try await session.texts()
            try #require(texts.allSatisfy { !$0.contains("1-2") && !$0.contains("m_0") }, "\(texts)")
            try await wait(for: "the end") { try await Self.given(session).last == "live" }
            #expect(try await Self.given(session).filter { $0 != "snapshot" } == ["subscribed", "live"])
            authorizer.set { _ in Self.all }
            session.hub.invalidateRights(user: "u_1", thread: "t_1")
            try await wait(for: "the events") { try await Self.given(session).last == "2" }
        }
    }

    /// A large state waits for its client, as a whole or after its first part; the rest comes when it may be given.
    @Test(arguments: [true, false])
    func theRestOfAStateWaitsUntilItMayBeGiven(isWhole: Bool) async throws {
        let log = HeldReadsLog()
        try await Self.with(log: log) { session, authorizer in
            defer { log.letGo() }
            try await Self.openCalls(session.hub)
            log.hold()
            try await session.send(Self.subscribe("snapshot"))
            // A look-up with a snapshot begins while the client takes something.
            await log.waitForRead()
            try await session.onLoop { transport, _ in
                transport.isWritable = !isWhole
                transport.onWrite = { transport in
                    if transport.calls.last == "snapshot" { transport.isWritable = false }
                }
            }
            log.letGo()
            let before = isWhole ? ["subscribed"] : ["subscribed", "snapshot 1"]
            try await wait(for: "the place", within: .seconds(120)) { try await Self.given(session) == before }
            authorizer.set { _ in [] }
            session.hub.invalidateRights(user: "u_1", thread: "t_1")
            try await session.onLoop { transport, stream in
                transport.onWrite = { _ in }
                transport.isWritable = true
                stream.writabilityChanged()
            }
            try await Self.pong(session)
            #expect(try await Self.given(session) == before)
            // Nothing else waits for it.
            try await session.send(#"{"op":"subscribe","thread_id":"t_2","after":"snapshot"}"#)
            try await wait(for: "another state") {
                try await session.texts().contains { $0.contains("t_2") && $0.contains("live") }
            }
            try await Self.log(1, session.hub)
            authorizer.set { _ in Self.all }
            session.hub.invalidateRights(user: "u_1", thread: "t_1")
            try await wait(for: "the rest", within: .seconds(120)) { try await Self.given(session).last == "live" }
            #expect(try await Self.given(session) == ["subscribed", "snapshot 1", "snapshot 2", "4", "live"])
        }
    }
}
