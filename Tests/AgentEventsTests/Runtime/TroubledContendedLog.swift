import AgentEvents
import AgentEventsTestSupport
import AgentEventsTesting
import Synchronization

/// A log with several writers, of which this one is troubled: something happens just before a call, or a look-up fails.
final class TroubledContendedLog: ContendedLog, ForwardingLog {
    private struct State {
        var failingLookUps = 0
        var lookUp: (@Sendable () async throws -> Void)?
        var append: (@Sendable () async throws -> Void)?
    }

    let log: InMemoryContendedLog
    private let state = Mutex(State())

    init(_ log: InMemoryContendedLog = InMemoryContendedLog()) { self.log = log }

    /// The next look-ups of a thread fail.
    func failLookUps(_ count: Int) { state.withLock { $0.failingLookUps = count } }

    /// Once, before a thread is looked up.
    func beforeLookUp(_ body: @escaping @Sendable () async throws -> Void) { state.withLock { $0.lookUp = body } }

    /// Once, before events are appended.
    func beforeAppend(_ body: @escaping @Sendable () async throws -> Void) { state.withLock { $0.append = body } }

    private static func run(_ body: (@Sendable () async throws -> Void)?) async throws(EventLogError) {
        do {
            try await body?()
        } catch {
            throw EventLogError(.failed, "failed by the test", cause: error)
        }
    }

    func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? {
        try await Self.run(state.withLock { $0.lookUp.take() })
        let fails = state.withLock { state in
            guard state.failingLookUps > 0 else { return false }
            state.failingLookUps -= 1
            return true
        }
        if fails { throw EventLogError(.failed, "failed by the test") }
        return try await log.thread(thread)
    }

    func appendByThread(_ commit: LogCommit) async throws(EventLogError) -> ContendedCommit {
        try await Self.run(state.withLock { $0.append.take() })
        return try await log.appendByThread(commit)
    }

    func advancedThreads() async -> [AdvancedThread]? { await log.advancedThreads() }

}
