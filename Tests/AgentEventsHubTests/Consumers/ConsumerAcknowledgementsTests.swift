import AgentEvents
import AgentEventsTesting
import Logging
import Synchronization
import Testing

@testable import AgentEventsHub

@Suite(.timeLimit(.minutes(10))) struct ConsumerAcknowledgementsTests {
    private let clock = ManualClock()
    private let key = ConsumerKey(thread: "t_1", user: "u_1", consumer: "c")
    private let cursors = (1...3).map { Cursor(generation: 1, sequence: $0) }

    /// A store that takes nothing while its log is closed.
    private func with(
        _ log: some StateStore,
        _ body: @Sendable (ConsumerAcknowledgements) async throws -> Void
    ) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let consumers = ConsumerAcknowledgements(store: log, environment: .manual(clock), logger: logger)
        async let running: Void = consumers.run()
        let result = await Result { () async throws in try await body(consumers) }
        consumers.finish()
        await running
        try result.get()
    }

    private func saved(_ log: InMemoryEventLog) async throws -> Cursor? {
        try await log.load(.consumer, thread: key.thread, name: key.name)
            .flatMap { Cursor(String(decoding: $0, as: UTF8.self)) }
    }

    private func waitForSave(_ log: InMemoryEventLog) async throws {
        while try await saved(log) == nil { await Task.yield() }
    }

    @Test func acknowledgementsAreGatheredForAWhile() async throws {
        let log = InMemoryEventLog()
        _ = try await log.open()
        try await with(log) { consumers in
            #expect(try await consumers.attach(key) == nil)
            #expect(consumers.acknowledge(key, cursors[0]))
            try await clock.waitForSleep(of: .milliseconds(200))
            #expect(consumers.acknowledge(key, cursors[1]))
            #expect(try await saved(log) == nil)
            clock.advance(by: .milliseconds(200))
            try await waitForSave(log)
            #expect(try await saved(log) == cursors[1])
        }
    }

    @Test func aStoreThatFailsIsTriedAgainLater() async throws {
        let log = InMemoryEventLog()
        try await with(log) { consumers in
            #expect(try await consumers.attach(key) == nil)
            #expect(consumers.acknowledge(key, cursors[2]))
            try await clock.waitForSleep(of: .milliseconds(200))
            clock.advance(by: .milliseconds(200))
            try await clock.waitForSleep(of: .seconds(1))
            _ = try await log.open()
            clock.advance(by: .seconds(1))
            try await clock.waitForSleep(of: .milliseconds(200))
            #expect(try await saved(log) == nil)
            clock.advance(by: .milliseconds(200))
            try await waitForSave(log)
            #expect(try await saved(log) == cursors[2])
        }
    }

    /// Another connection acknowledges, and is gone again, between the answer of the store and its arrival.
    @Test func whatIsAcknowledgedWhileTheStoreIsAskedCounts() async throws {
        let log = InMemoryEventLog()
        _ = try await log.open()
        let store = SlowStore(store: log)
        try await with(store) { consumers in
            #expect(try await consumers.attach(key) == nil)
            store.holdsLoads.withLock { $0 = true }
            async let late = consumers.attach(key)
            while store.waiting.withLock({ $0 == nil }) { await Task.yield() }
            #expect(consumers.acknowledge(key, cursors[2]))
            try await clock.waitForSleep(of: .milliseconds(200))
            clock.advance(by: .milliseconds(200))
            try await waitForSave(log)
            consumers.detach(key)
            store.waiting.withLock { $0.take() }?.resume()
            #expect(try await late == cursors[2])
        }
    }
}

/// A store whose answers are on their way until the test lets them arrive.
private final class SlowStore: StateStore {
    let store: InMemoryEventLog
    let holdsLoads = Mutex(false)
    let waiting = Mutex<CheckedContinuation<Void, Never>?>(nil)

    init(store: InMemoryEventLog) { self.store = store }

    func load(_ kind: StoredValue.Kind, thread: ThreadID?, name: String) async throws(EventLogError) -> [UInt8]? {
        let answer = try await store.load(kind, thread: thread, name: name)
        if holdsLoads.withLock({ $0 }) {
            await withCheckedContinuation { continuation in waiting.withLock { $0 = continuation } }
        }
        return answer
    }

    func loadAll(_ kind: StoredValue.Kind, thread: ThreadID?) async throws(EventLogError) -> [StoredValue] {
        try await store.loadAll(kind, thread: thread)
    }

    func save(_ values: [StoredValue]) async throws(EventLogError) { try await store.save(values) }
}

extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
        do {
            self = .success(try await body())
        } catch {
            self = .failure(error)
        }
    }
}
