import AgentEvents
import AgentEventsFileLog
import AgentEventsHub
import Foundation
import Logging
import NIOCore
import NIOPosix

/// Sessions of a hub without a port: from the bytes of a message to the bytes of another, both in the frames of a WebSocket.
struct StreamOperations {
    private static let pageEventCount = 100

    let section: CountedSection

    func emit() async throws {
        try await BenchHub.with(log: InMemoryEventLog()) { hub, eventLoop in
            let sessions = CountingSessions(hub, on: eventLoop)
            try await sessions.open(count: 1)
            try await sessions.send(BenchRequest.started, awaitingWrites: 1)
            try await section.run {
                try await sessions.send(BenchRequest.delta, awaitingWrites: 1)
            }
        }
    }

    /// An event of an agent, from its commit to the transports of those who follow the thread.
    func deliver(toCount count: Int) async throws {
        try await BenchHub.with(log: InMemoryEventLog()) { hub, eventLoop in
            let sessions = CountingSessions(hub, on: eventLoop)
            try await sessions.open(count: count)
            try await sessions.sendToAll(
                CountingSessions.subscribe(to: BenchRequest.thread, after: "now"), awaitingLives: count)
            let context = try await hub.runtime.context(user: "u_bench", thread: BenchRequest.thread)
            let draft = BenchEvent.thinking(run: "r_bench", thread: BenchRequest.thread)
            try await sessions.countWrites(by: count)
            try await context.emit(EventDraft(runID: "r_bench", agent: "bench", .agentStarted(AgentStarted())))
            await sessions.waitForWrites()
            try await section.run(warmUp: 8) {
                try await context.emit(draft)
                await sessions.waitForWrites()
            }
        }
    }

    /// Pages of events that nobody has asked for before.
    func replay(from folder: URL) async throws {
        let log = FileEventLog(path: folder.appendingPathComponent("events.sqlite").path, configuration: .init())
        let warmUp = 2
        let threads = try (0..<section.operation.count / Self.pageEventCount + warmUp).map { try ThreadID("t_\($0)") }
        try await BenchHub.with(log: log) { hub, eventLoop in
            for thread in threads {
                let context = try await hub.runtime.context(user: "u_bench", thread: thread)
                let start = EventDraft(runID: "r_bench", agent: "bench", .agentStarted(AgentStarted()))
                let draft = BenchEvent.thinking(run: "r_bench", thread: thread)
                _ = try await context.emit([start] + Array(repeating: draft, count: Self.pageEventCount - 1))
            }
            try await hub.runtime.flush()
            let sessions = CountingSessions(hub, on: eventLoop)
            try await sessions.open(count: 1)
            var left = threads[...]
            try await section.run(share: Self.pageEventCount, warmUp: warmUp) {
                try await sessions.sendToAll(
                    CountingSessions.subscribe(to: left.removeFirst(), after: "start"), awaitingLives: 1)
            }
        }
        try await log.close()
    }
}

/// A hub for as long as a benchmark takes, with one event loop.
enum BenchHub {
    static func with(
        log: some EventLog,
        _ body: (AgentEventsHub, any EventLoop) async throws -> Void
    ) async throws {
        var configuration = HubConfiguration()
        // Nothing but what is asked for.
        configuration.heartbeatInterval = .seconds(3600)
        configuration.slowReaderTimeout = .seconds(3600)
        var logger = Logger(label: "bench")
        logger.logLevel = .critical
        let hub = AgentEventsHub(
            runtime: AgentRuntime(log: log), configuration: configuration, logger: logger)
        let eventLoops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await hub.run() }
            try await hub.runtime.waitForStart()
            try await body(hub, eventLoops.next())
            tasks.cancelAll()
        }
        try await eventLoops.shutdownGracefully()
    }
}
