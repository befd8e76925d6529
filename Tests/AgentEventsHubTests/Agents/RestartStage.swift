import AgentEvents
import AgentEventsHub
import AgentEventsTesting
import Synchronization
import Testing

/// Processes that follow each other on one log. Each is killed at the end of its scope, or stopped in peace.
struct RestartStage: Sendable {
    let stage: AgentStage
    let log: CuttingLog
    private let stopping = StopSignal()

    var hub: AgentEventsHub { stage.hub }

    /// Lets a process with some agents work until the body returns, and kills it then.
    static func process(
        _ kept: InMemoryEventLog,
        _ clock: ManualClock,
        _ agents: [any ServedAgent],
        configure: (inout RuntimeConfiguration) -> Void = { _ in },
        hub configureHub: (inout HubConfiguration) -> Void = { _ in },
        _ body: (RestartStage) async throws -> Void
    ) async throws {
        // A process makes ids of its own.
        var runtime = RuntimeConfiguration(environment: .manual(clock, seed: .random(in: 1 ... .max)))
        configure(&runtime)
        var configuration = HubConfiguration()
        configuration.shutdownGrace = .seconds(600)
        configureHub(&configuration)
        let log = CuttingLog(kept)
        let hub = AgentEventsHub(
            runtime: AgentRuntime(log: log, configuration: runtime), agents: agents,
            authorizer: OwnershipAuthorizer(), configuration: configuration, logger: AgentStage.silentLogger)
        let process = RestartStage(stage: AgentStage(hub: hub, control: AgentControl()), log: log)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                // Its log is cut, and the hub fails.
                try? await hub.run(
                    serving: {
                        try await hub.runtime.waitForStart()
                        await hub.closing.wait()
                    }, until: { await process.stopping.wait() })
            }
            defer { tasks.cancelAll() }
            try await hub.runtime.waitForStart()
            defer { log.cut() }
            try await body(process)
            if process.stopping.isOpen { try await tasks.waitForAll() }
        }
        kept.close()
    }

    /// Stops the process in peace: its agents get their time, which the clock of the test passes.
    ///
    /// - Parameter body: happens while they have their time.
    func stop(_ clock: ManualClock, during body: () async throws -> Void = {}) async throws {
        stopping.open()
        try await clock.waitForSleep(of: .seconds(599))
        try await body()
        clock.advance(by: .seconds(599))
    }

    func context() async throws -> ExecutionContext { try await hub.runtime.context(user: "u_1", thread: "t_1") }

    func answer(_ approval: ApprovalID, _ isApproved: Bool) async throws {
        _ = try await context().answer(ApprovalAnswer(approval, run: nil, isApproved: isApproved, data: nil, by: "u_1"))
    }

    func command(_ action: RunCommand.Action) async throws {
        _ = try await context().command(RunCommand(action, by: "u_1"))
    }

    /// Returns when this many events of a type are in the log.
    @discardableResult
    func wait(for type: EventType, count: Int = 1) async throws -> [AgentEvent] {
        let seen = Mutex(0)
        return try await stage.events { event in
            guard event.type == type else { return false }
            return seen.withLock { seen in
                seen += 1
                return seen == count
            }
        }
    }
}

/// Opens once.
private final class StopSignal: Sendable {
    private let signal = WakeSignal()
    private let state = Mutex(false)

    var isOpen: Bool { state.withLock { $0 } }

    func open() {
        state.withLock { $0 = true }
        signal.signal()
    }

    func wait() async { _ = await signal.wait() }
}

/// An agent that continues its runs, with bodies that a test gives.
struct ResumingAgent: ResumableAgent {
    var name: AgentName = "guide"
    var restart: RestartMode = .resume
    var repeatableTools: Set<ToolName> = []
    var onRespond: @Sendable (UserPrompt, AgentRun) async throws -> JSONValue? = { _, _ in nil }
    var onResume: @Sendable (ResumedRun) async throws -> JSONValue? = { _ in nil }

    func respond(to prompt: UserPrompt, run: AgentRun) async throws -> JSONValue? { try await onRespond(prompt, run) }
    func resume(_ run: ResumedRun) async throws -> JSONValue? { try await onResume(run) }
}

/// Notes what happened in the bodies of agents, in its order.
final class Notes: Sendable {
    private let notes = Mutex<[String]>([])
    private let changes = WakeSignal()

    var all: [String] { notes.withLock { $0 } }

    func add(_ note: String) {
        notes.withLock { $0.append(note) }
        changes.signal()
    }

    /// Returns when something is noted, or the task is cancelled.
    func wait(for note: String) async {
        while !all.contains(note), await changes.wait() {}
    }
}

/// Returns when its task is cancelled.
func waitForCancellation() async throws -> JSONValue? {
    let signal = WakeSignal()
    _ = await signal.wait()
    throw CancellationError()
}
