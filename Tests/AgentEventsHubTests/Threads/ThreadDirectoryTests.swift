import AgentEvents
import AgentEventsProtocol
import AgentEventsTesting
import CoreMetrics
import Logging
import Testing

@testable import AgentEventsHub

/// The cards of a log follow its events, whatever comes in between.
@Suite(.timeLimit(.minutes(10)))
struct ThreadDirectoryTests {
    private static let principal = Principal(user: "u_1", scopes: [.read])

    private static func withHub<Result: Sendable>(
        _ log: any EventLog,
        configuration: RuntimeConfiguration = RuntimeConfiguration(),
        _ body: @Sendable (AgentEventsHub) async throws -> Result
    ) async throws -> Result {
        var logger = Logger(label: "test")
        logger.logLevel = .error
        let hub = AgentEventsHub(runtime: AgentRuntime(log: log, configuration: configuration), logger: logger)
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await hub.run() }
            try await hub.runtime.waitForStart()
            let result = try await body(hub)
            tasks.cancelAll()
            while let _ = await tasks.nextResult() {}
            return result
        }
    }

    private static func emit(_ count: Int, in thread: ThreadID, byteCount: Int = 1, _ hub: AgentEventsHub) async throws
    {
        let context = try await hub.runtime.context(user: "u_1", thread: thread)
        let value = JSONValue.string(String(repeating: "x", count: byteCount))
        for _ in 0..<count { _ = try await context.emit(EventDraft(.custom(CustomEvent(name: "n", value: value)))) }
        try await context.flush()
    }

    private static func list(_ hub: AgentEventsHub) async throws -> [String: String] {
        let page = try await hub.threads(ThreadListRequest(limit: 100), for: principal)
        return Dictionary(
            uniqueKeysWithValues: page.threads.map {
                ($0["thread_id"]?.stringValue ?? "", $0["head"]?.stringValue ?? "")
            })
    }

    @Test func everyCommitOfBeforeIsInTheList() async throws {
        try await Self.withHub(InMemoryEventLog(generations: .counting)) { hub in
            for number in 1...50 {
                try await Self.emit(1, in: ThreadID(stringLiteral: "t_\(number)"), hub)
                #expect(try await Self.list(hub).count == number)
            }
        }
    }

    /// More than waits in memory: the log is read.
    @Test func whatIsTooMuchIsReadFromTheLog() async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await Self.withHub(log) { hub in
            for number in 1...8 {
                try await Self.emit(10, in: ThreadID(stringLiteral: "t_\(number)"), byteCount: 100_000, hub)
            }
            #expect(try await Self.list(hub).count == 8)
            for card in try await log.cards(of: (1...8).map { ThreadID(stringLiteral: "t_\($0)") }) {
                #expect(ThreadSummary(card)?.sequence == 10)
            }
        }
    }

    /// After a restart the cards tell of what was committed before, also of what no card told of.
    @Test func aRestartContinuesWhereItWas() async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await Self.withHub(log) { hub in
            // From then on it is collected; what was saved tells of nothing.
            #expect(try await Self.list(hub) == [:])
            try await Self.emit(3, in: "t_1", hub)
            #expect(try await Self.list(hub) == ["t_1": "1-3"])
            try await Self.emit(2, in: "t_2", hub)
        }
        log.close()
        // As if the process had been killed: a card of before, and none at all.
        let old = try #require(try await log.cards(of: ["t_1"]).first)
        var summary = try #require(ThreadSummary(old))
        summary.sequence = 1
        _ = try await log.open()
        try await log.saveCards([summary.card], through: 0)
        log.close()
        try await Self.withHub(log) { hub in
            let list = try await Self.list(hub)
            #expect(list == ["t_1": "1-3", "t_2": "1-2"])
            let card = try await log.cards(of: ["t_1"]).first
            #expect(card.flatMap { ThreadSummary($0)?.sequence } == 3)
        }
    }

    @Test func aLogFromBeforeThereWereListsIsListed() async throws {
        let log = InMemoryEventLog(generations: .counting)
        let runtime = AgentRuntime(log: log)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await runtime.run() }
            for number in 1...20 {
                let context = try await runtime.context(user: "u_1", thread: ThreadID(stringLiteral: "t_\(number)"))
                for _ in 0..<100 {
                    _ = try await context.emit(EventDraft(.custom(CustomEvent(name: "n", value: 1))))
                }
                try await context.flush()
            }
            runtime.shutdown()
            while let _ = await tasks.nextResult() {}
        }
        log.close()
        try await Self.withHub(log) { hub in
            let list = try await Self.list(hub)
            #expect(list.count == 20)
            #expect(Set(list.values) == ["1-100"])
        }
    }

    /// A hub whose list nobody wants keeps none, also when it stops.
    @Test func nothingIsDoneUntilSomebodyAsks() async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await Self.withHub(log) { hub in try await Self.emit(1000, in: "t_1", hub) }
        #expect(try await log.listing().savedThrough == 0)
        #expect(try await log.cards(of: ["t_1"]).isEmpty)
        log.close()
        try await Self.withHub(log) { hub in
            let list = try await Self.list(hub)
            #expect(list == ["t_1": "1-1000"])
        }
        #expect(try await log.cards(of: ["t_1"]).count == 1)
    }

    private static func log(_ drafts: [EventDraft], _ hub: AgentEventsHub) async throws {
        // From outside, so that the runs outlive the hub.
        let backend = Principal(user: "u_1", scopes: [.emit, .open], actsAs: .everybody)
        _ = try await hub.ingest.log(
            EmitRequest(thread: "t_1", user: nil, drafts: drafts), as: backend, root: .document)
    }

    /// What has ended where nobody looked, and was trimmed, is not open for ever.
    @Test func aRunWhoseEndWasTrimmedIsNotListed() async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await Self.withHub(log) { hub in
            try await Self.log(
                [
                    EventDraft(runID: "r_1", agent: "guide", .agentStarted(AgentStarted())),
                    EventDraft(
                        runID: "r_1", .approvalRequested(ApprovalRequested(approvalID: "a_1", prompt: "May I?"))),
                ], hub)
            let page = try await hub.threads(ThreadListRequest(status: .waiting), for: Self.principal)
            #expect(page.threads.count == 1)
        }
        log.close()
        try await Self.withHub(log) { hub in
            try await Self.log(
                [
                    EventDraft(runID: "r_1", .agentCancelled(AgentCancelled(durationMilliseconds: 1))),
                    EventDraft(runID: "r_2", agent: "guide", .agentStarted(AgentStarted())),
                ], hub)
            let record = try #require(try await log.thread("t_1"))
            let start = try #require(record.openRuns.first?.sequence)
            #expect(record.openRuns.map(\.run) == ["r_2"])
            try await log.trim([ThreadTrim(thread: "t_1", firstKept: start)])
            let page = try await hub.threads(ThreadListRequest(), for: Self.principal)
            #expect(page.threads.first?["status"] == "running")
        }
    }

    /// What nobody has asked for yet is read before it goes.
    @Test func whatIsTrimmedWasReadBefore() async throws {
        let log = InMemoryEventLog(generations: .counting)
        var configuration = RuntimeConfiguration()
        configuration.retention.maximumEventsPerThread = 1
        configuration.retentionInterval = .milliseconds(1)
        try await Self.withHub(log, configuration: configuration) { hub in
            let context = try await hub.runtime.context(user: "u_1", thread: "t_1")
            let message = UserMessage(messageID: "m_1", userID: "u_1", text: "Where is the parser?")
            _ = try await context.emit([EventDraft(.userMessage(message))])
            try await Self.emit(20, in: "t_1", hub)
            while try await log.thread("t_1")?.oldest.sequence ?? 0 < 20 { await Task.yield() }
            let page = try await hub.threads(ThreadListRequest(), for: Self.principal)
            #expect(page.threads.first?["title"] == "Where is the parser?")
            #expect(page.threads.first?["head"] == "1-21")
        }
    }

    @Test func afterTheStopNobodyWaits() async throws {
        let log = InMemoryEventLog(generations: .counting)
        let hub = try await Self.withHub(log) { hub in hub }
        let error = await #expect(throws: ProtocolError.self) { _ = try await Self.list(hub) }
        #expect(error?.code == .stopping)
    }
}
