import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import AgentEventsTestSupport
import AgentEventsTesting
import Logging
import Synchronization
import Testing

/// A process with agents over a log. It is killed at the end of its scope: what it still does then is not logged.
struct AgentProcess: Sendable {
    static let principal = Principal(user: "u_1", actsAs: .listed(["u_1"]))

    let hub: AgentEventsHub
    let log: MortalLog

    static func with(
        _ kept: any EventLog,
        _ clock: ManualClock,
        _ agents: [any ServedAgent],
        _ body: (AgentProcess) async throws -> Void
    ) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        // A process makes ids of its own.
        let runtime = RuntimeConfiguration(environment: .manual(clock, seed: .random(in: 1 ... .max)))
        let log = MortalLog(kept)
        let hub = AgentEventsHub(
            runtime: AgentRuntime(log: log, configuration: runtime), agents: agents,
            authorizer: OwnershipAuthorizer(), configuration: HubConfiguration(), logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try? await hub.run() }
            defer { tasks.cancelAll() }
            try await hub.runtime.waitForStart()
            defer { log.kill() }
            try await body(AgentProcess(hub: hub, log: log))
        }
    }

    @discardableResult
    func send(_ text: String, _ policy: ConcurrencyPolicy? = nil) async throws -> MessageIntake.Answer {
        try await hub.intake.submit(MessageRequest(text: text, policy: policy), in: "t_1", from: Self.principal)
    }

    func command(_ action: RunCommand.Action) async throws {
        _ = try await hub.runtime.context(user: "u_1", thread: "t_1").command(RunCommand(action, by: "u_1"))
    }

    func answer(_ event: AgentEvent, _ isApproved: Bool, _ data: JSONValue? = nil) async throws {
        guard case .approvalRequested(let asked) = event.payload else { return }
        let answer = ApprovalAnswer(asked.approvalID, isApproved: isApproved, data: data, by: "u_1")
        _ = try await hub.runtime.context(user: "u_1", thread: "t_1").answer(answer)
    }

    /// Returns when this many events of a type are committed; the last one of them.
    @discardableResult
    func wait(for type: EventType, count: Int = 1) async throws -> AgentEvent {
        var rest = count
        for try await event in try await hub.runtime.events(user: "u_1", thread: "t_1") where event.type == type {
            rest -= 1
            if rest == 0 { return event }
        }
        throw CancellationError()
    }

    var events: [AgentEvent] { get async throws { try await Logged.events(log) } }
}

/// A log that takes nothing any longer once its process was killed.
final class MortalLog: EventLog {
    private let log: any EventLog
    private let isDead = Mutex(false)

    init(_ log: any EventLog) { self.log = log }

    func kill() { isDead.withLock { $0 = true } }

    var executor: (any TaskExecutor)? { log.executor }

    func open() async throws(EventLogError) -> LogOpening { try await log.open() }

    func append(_ commit: LogCommit) async throws(EventLogError) {
        if isDead.withLock({ $0 }) { throw EventLogError(.failed, "the process is gone") }
        try await log.append(commit)
    }

    func read(_ request: LogRead) async throws(EventLogError) -> LogPage { try await log.read(request) }

    func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? { try await log.thread(thread) }

    func startedRuns(among runs: Set<RunID>, in thread: ThreadID) async throws(EventLogError) -> Set<RunID> {
        try await log.startedRuns(among: runs, in: thread)
    }

    func recall(_ key: IdempotencyKey, in thread: ThreadID) async throws(EventLogError) -> RecalledRequest? {
        try await log.recall(key, in: thread)
    }
}
