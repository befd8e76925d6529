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
        _ body: @Sendable (AgentEventsHub) async throws -> Result
    ) async throws -> Result {
        var logger = Logger(label: "test")
        logger.logLevel = .error
        let hub = AgentEventsHub(runtime: AgentRuntime(log: log), logger: logger)
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

    @Test func afterTheStopNobodyWaits() async throws {
        let log = InMemoryEventLog(generations: .counting)
        let hub = try await Self.withHub(log) { hub in hub }
        let error = await #expect(throws: ProtocolError.self) { _ = try await Self.list(hub) }
        #expect(error?.code == .stopping)
    }
}
