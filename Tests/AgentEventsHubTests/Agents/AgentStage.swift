import AgentEvents
import AgentEventsChecks
import AgentEventsHub
import AgentEventsProtocol
import AgentEventsTesting
import Logging
import Synchronization
import Testing

/// A hub with agents that begin and end when a test says so.
struct AgentStage: Sendable {
    static let principal = Principal(user: "u_1", actsAs: .listed(["u_1"]))

    static let silentLogger: Logger = {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return logger
    }()

    let hub: AgentEventsHub
    let control: AgentControl

    /// Runs a hub for the length of a scope. When it is left, the process of the hub is gone: nothing is ended in peace.
    static func with(
        _ log: some EventLog,
        concurrency: AgentConcurrency = AgentConcurrency(),
        agents: [AgentName] = ["guide"],
        runtime: RuntimeConfiguration = RuntimeConfiguration(),
        configure: (inout HubConfiguration) -> Void = { _ in },
        _ body: (AgentStage) async throws -> Void
    ) async throws {
        var configuration = HubConfiguration()
        configuration.shutdownGrace = .seconds(600)
        configure(&configuration)
        let control = AgentControl()
        let hub = AgentEventsHub(
            runtime: AgentRuntime(log: log, configuration: runtime),
            agents: agents.map { StagedAgent(name: $0, concurrency: concurrency, control: control) },
            authorizer: OwnershipAuthorizer(), configuration: configuration, logger: silentLogger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            // The log of some tests fails, and the hub with it.
            tasks.addTask { try? await hub.run() }
            defer {
                tasks.cancelAll()
                control.releaseAll()
            }
            try await hub.runtime.waitForStart()
            try await body(AgentStage(hub: hub, control: control))
        }
    }

    /// Sends a message.
    @discardableResult
    func send(
        _ text: String,
        _ policy: ConcurrencyPolicy? = nil,
        agent: AgentName? = nil,
        to thread: ThreadID = "t_1",
        notBefore: Timestamp? = nil,
        startBy: Timestamp? = nil,
        from principal: Principal = Self.principal
    ) async throws(ProtocolError) -> MessageIntake.Answer {
        var request = MessageRequest(text: text, agent: agent, policy: policy)
        (request.notBefore, request.startBy) = (notBefore, startBy)
        return try await hub.intake.submit(request, in: thread, from: principal)
    }

    /// The events of a thread up to one of a kind.
    @discardableResult
    func events(
        in thread: ThreadID = "t_1",
        user: UserID = "u_1",
        until isLast: (AgentEvent) -> Bool
    ) async throws -> [AgentEvent] {
        var events: [AgentEvent] = []
        for try await event in try await hub.runtime.events(user: user, thread: thread) {
            events.append(event)
            if isLast(event) { return events }
        }
        Issue.record("the events end before the one that is waited for: \(events.map(\.typeName))")
        return events
    }

    /// Returns when a run has started, and its agent works.
    func waitForStart(of run: RunID?, in thread: ThreadID = "t_1", user: UserID = "u_1") async throws {
        try await events(in: thread, user: user) { $0.runID == run && $0.type == .agentStarted }
        if let run { await control.waitForBody(of: run) }
    }

    /// Returns when a queued run works, and fails when its thread is held up instead, which nothing would end.
    func expectStart(of run: RunID, in thread: ThreadID = "t_1") async throws {
        while control.prompt(of: run) == nil {
            try #require(!hub.dispatcher.holds(thread), "\(run) is held up")
            await Task.yield()
        }
    }

    /// Returns when a run has ended.
    @discardableResult
    func waitForEnd(of run: RunID?, in thread: ThreadID = "t_1", user: UserID = "u_1") async throws -> [AgentEvent] {
        try await events(in: thread, user: user) { $0.runID == run && $0.type?.endsRun == true }
    }

    /// Lets the body of a run return, and waits for its end.
    func finish(_ run: RunID?, in thread: ThreadID = "t_1", user: UserID = "u_1") async throws {
        if let run { control.release(run) }
        try await waitForEnd(of: run, in: thread, user: user)
    }

    /// The events that are in a log.
    static func logged(_ log: some EventLog, in thread: ThreadID = "t_1") async throws -> [AgentEvent] {
        var events: [AgentEvent] = []
        while true {
            let page = try await log.read(LogRead(.thread(thread, after: events.last?.sequence ?? 0)))
            guard !page.events.isEmpty else { return events }
            events += try page.events.map { try EventDecoder.decode($0.bytes) }
        }
    }

    /// The faults of a thread in which nothing happens any longer.
    static func faults(_ events: [AgentEvent], isParallel: Bool = false) -> [QueueCheck.Fault] {
        var check = QueueCheck(isParallel: isParallel)
        for event in events { check.receive(event) }
        return check.faultsAtRest()
    }
}

/// Holds the bodies of agents until they are released.
final class AgentControl: Sendable {
    private struct Body {
        var prompt: UserPrompt
        var waiter: CheckedContinuation<Void, Never>?
    }

    private struct State {
        var bodies: [RunID: Body] = [:]
        var released: Set<RunID> = []
        var releasesAll = false
        var isInputTaken = true
        var watchers: [RunID: [CheckedContinuation<Void, Never>]] = [:]
    }

    private let state = Mutex(State())

    /// The prompt that a run was given; `nil` when its body has not begun.
    func prompt(of run: RunID) -> UserPrompt? { state.withLock { $0.bodies[run]?.prompt } }

    /// Whether agents take what they are given, before they end.
    var isInputTaken: Bool { state.withLock { $0.isInputTaken } }

    func takesNoInput() { state.withLock { $0.isInputTaken = false } }

    /// The number of bodies that have begun.
    var bodyCount: Int { state.withLock { $0.bodies.count } }

    func hold(_ run: RunID, _ prompt: UserPrompt) async {
        let watchers = state.withLock { state in
            state.bodies[run] = Body(prompt: prompt)
            return state.watchers.removeValue(forKey: run) ?? []
        }
        for watcher in watchers { watcher.resume() }
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let isReleased = state.withLock { state in
                    if state.releasesAll || state.released.contains(run) || Task.isCancelled { return true }
                    state.bodies[run]?.waiter = waiter
                    return false
                }
                if isReleased { waiter.resume() }
            }
        } onCancel: {
            release(run)
        }
    }

    func release(_ run: RunID) {
        state.withLock { state in
            state.released.insert(run)
            defer { state.bodies[run]?.waiter = nil }
            return state.bodies[run]?.waiter
        }?.resume()
    }

    /// From now on nothing is held.
    func releaseAll() {
        let waiters = state.withLock { state in
            state.releasesAll = true
            defer { for run in state.bodies.keys { state.bodies[run]?.waiter = nil } }
            return state.bodies.values.compactMap(\.waiter)
        }
        for waiter in waiters { waiter.resume() }
    }

    func waitForBody(of run: RunID) async {
        await withCheckedContinuation { watcher in
            let isThere = state.withLock { state in
                if state.bodies[run] != nil { return true }
                state.watchers[run, default: []].append(watcher)
                return false
            }
            if isThere { watcher.resume() }
        }
    }
}

/// Says what it was asked, and ends when it is released.
struct StagedAgent: ConcurrentAgent {
    let name: AgentName
    let concurrency: AgentConcurrency
    let control: AgentControl

    func respond(to prompt: UserPrompt, run: AgentRun) async throws -> JSONValue? {
        try await run.say(prompt.text)
        await control.hold(run.id, prompt)
        try Task.checkCancellation()
        if concurrency.takesInput, control.isInputTaken {
            for message in try await run.takeInput() { try await run.say(message.text) }
        }
        return nil
    }
}
