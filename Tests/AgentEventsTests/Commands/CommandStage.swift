import AgentEvents
import AgentEventsTesting
import Synchronization
import Testing

/// A runtime over a log of one or of several writers, with a thread in which a run is commanded.
struct CommandStage {
    /// The log that only this runtime writes, and one that others write too.
    static let logs = [false, true]

    let runtime: AgentRuntime
    let context: ExecutionContext
    let log: any EventLog

    static func with(
        contended: Bool = false,
        _ configuration: RuntimeConfiguration = RuntimeConfiguration(),
        _ body: (CommandStage) async throws -> Void
    ) async throws {
        let log: any EventLog = contended ? InMemoryContendedLog() : InMemoryEventLog()
        try await withAgentRuntime(log: log, configuration: configuration) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            try await body(CommandStage(runtime: runtime, context: context, log: log))
        }
    }

    func run<Value: Sendable>(
        _ agent: AgentName = "guide",
        id: RunID? = nil,
        _ body: @escaping @Sendable (AgentRun) async throws -> Value
    ) async throws -> Value {
        try await runtime.withRun(user: "u_1", thread: "t_1", agent: agent, id: id, deadline: nil, body)
    }

    /// How a run ends, for those that do not end well.
    func outcome<Value: Sendable>(
        id: RunID? = nil,
        _ body: @escaping @Sendable (AgentRun) async throws -> Value
    ) async -> Result<Value, any Error> {
        do {
            return .success(try await run(id: id, body))
        } catch {
            return .failure(error)
        }
    }

    @discardableResult
    func command(
        _ action: RunCommand.Action,
        run: RunID? = nil,
        asOf: Cursor? = nil,
        key: IdempotencyKey? = nil
    ) async throws -> CommandReceipt {
        try await context.command(RunCommand(action, run: run, asOf: asOf, by: "u_1"), key: key)
    }

    var events: [AgentEvent] {
        get async throws {
            try await runtime.flush()
            return try await ContendedThreadTests.events(log)
        }
    }

    /// The types of all events, without those that begin runs.
    var types: [String] { get async throws { try await events.map(\.typeName).filter { $0 != "agent_started" } } }

    var lastType: String? { get async throws { try await types.last } }

    /// Waits until this many tasks wait while their run is paused.
    func waitForPaused(_ count: Int) async { while await context.pausedTaskCount != count { await Task.yield() } }

    /// Waits until an event of a type is committed.
    func wait(for type: EventType, count: Int = 1) async throws {
        var rest = count
        for try await event in try await runtime.events(user: "u_1", thread: "t_1") where event.type == type {
            rest -= 1
            if rest == 0 { return }
        }
    }
}

/// Opens once; those who ask before wait.
final class Latch: Sendable {
    private let state = Mutex<(isOpen: Bool, waiters: [CheckedContinuation<Void, Never>])>((false, []))

    var isOpen: Bool { state.withLock { $0.isOpen } }

    func open() {
        let waiters = state.withLock { state in
            defer { state = (true, []) }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Ignores cancellation, as some bodies do.
    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiters.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }
}
