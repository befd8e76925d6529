import AgentEvents
import AgentEventsProtocol
import AgentEventsTestSupport
import AgentEventsTesting
import Logging
import Synchronization
import Testing

@testable import AgentEventsHub

/// A log in which something happens after its cards were looked at, and before anything else is.
private final class BusyLog: ForwardingLog, ListingEventLog {
    let log = InMemoryEventLog(generations: .counting)
    private let happening = Mutex<(@Sendable () async -> Void)?>(nil)

    /// Happens once.
    func afterTheNextList(_ body: @escaping @Sendable () async -> Void) { happening.withLock { $0 = body } }

    func listing() async throws(EventLogError) -> ListingPosition { try await log.listing() }
    func cards(of threads: [ThreadID]) async throws(EventLogError) -> [ThreadCard] { try await log.cards(of: threads) }

    func saveCards(_ cards: [ThreadCard], through offset: UInt64) async throws(EventLogError) {
        try await log.saveCards(cards, through: offset)
    }

    func list(_ query: CardQuery) async throws(EventLogError) -> [ThreadCard] {
        let cards = try await log.list(query)
        await happening.withLock { $0.take() }?()
        return cards
    }
}

@Suite(.timeLimit(.minutes(10)))
struct ThreadListingTests {
    private static let principal = Principal(user: "u_1", scopes: [.read])
    private static let end = EventDraft(runID: "r_1", .agentCancelled(AgentCancelled(durationMilliseconds: 1)))

    private static func ask(
        _ request: ThreadListRequest,
        whileTheRunEnds: Bool = true
    ) async throws -> [JSONValue] {
        let log = BusyLog()
        var logger = Logger(label: "test")
        logger.logLevel = .error
        let hub = AgentEventsHub(runtime: AgentRuntime(log: log), logger: logger)
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await hub.run() }
            try await hub.runtime.waitForStart()
            let context = try await hub.runtime.context(user: "u_1", thread: "t_1")
            _ = try await context.emit([EventDraft(runID: "r_1", agent: "guide", .agentStarted(AgentStarted()))])
            try await context.flush()
            log.afterTheNextList {
                guard whileTheRunEnds else { return }
                _ = try? await context.emit([Self.end])
                try? await context.flush()
            }
            let page = try await hub.threads(request, for: Self.principal)
            tasks.cancelAll()
            while let _ = await tasks.nextResult() {}
            return page.threads
        }
    }

    /// Whatever is given is what was asked for, also when it has changed since it was looked at.
    @Test func aThreadIsNotGivenForAStateThatItHasNoLonger() async throws {
        let running = try await Self.ask(ThreadListRequest(status: .running), whileTheRunEnds: false)
        #expect(running.map { $0["status"] } == ["running"])
        let ended = try await Self.ask(ThreadListRequest(status: .running))
        #expect(ended.isEmpty)
        let all = try await Self.ask(ThreadListRequest())
        #expect(all.map { $0["status"] } == ["idle"])
    }
}
