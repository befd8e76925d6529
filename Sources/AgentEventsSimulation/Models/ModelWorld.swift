import AgentEvents
import AgentEventsHub
import AgentEventsModels
import AgentEventsProtocol
import CoreMetrics
import Logging

/// Agents around models under fire: the real hub and a real `ModelAgent`, whose model fails and calls several tools at once. People send
/// messages, answer questions, pause and stop, and the process is killed at any moment; the next one continues its runs.
///
/// The rules: each call has one result, also in what the model is told; nothing that broke off is told; a body that may not run twice
/// does not, and one that is asked about runs after a yes; nothing of a run comes after its end, and in the end every run has ended.
/// A world is a seed: the same one is the same world.
package final class ModelWorld {
    private static let threadCount = 3
    private static let user: UserID = "u_0"

    private let time = SimulatedTime()
    private let executor = SimulatedExecutor()
    private let account = ModelAccount()
    private let log = InMemoryEventLog()
    private let threads: [ThreadID]
    private let environment: Environment
    private let model: SimulatedModel
    private var process: Process
    private var tasks: [Task<Void, Never>] = []
    private var random: SimulationRandom
    private var requestCount = 0
    private var counts: [String: Int] = [:]

    private struct Process {
        let log: MortalLog
        let hub: AgentEventsHub
        let work: Task<Void, Never>
    }

    private struct Order: Codable, Sendable { var item: Int }

    private struct OutOfStock: CodedError {
        var eventCode: String { "shop.out_of_stock" }
        var eventMessage: String { "there is none left" }
    }

    package static func run(seed: UInt64, stepCount: Int) -> WorldOutcome {
        let world = ModelWorld(seed: seed)
        for _ in 0..<stepCount where world.account.violation == nil { world.step() }
        world.settle()
        var outcome = WorldOutcome()
        outcome.violation = world.account.violation
        outcome.counts = world.counts.merging(world.account.counts) { $0 + $1 }
        return outcome
    }

    private init(seed: UInt64) {
        random = SimulationRandom(seed: seed)
        threads = (0..<Self.threadCount).map { ThreadID(text: IdentifierText(unchecked: "t\($0)")) }
        environment = Environment(
            wallClock: time.wallClock, clock: time.clock, randomNumber: RandomNumbers(seed: seed ^ 1).next,
            backgroundExecutor: executor)
        model = SimulatedModel(seed: seed ^ 2, environment, account)
        process = Self.begin(log, model, account, environment, executor)
    }

    private func note(_ occurrence: String) { counts[occurrence, default: 0] += 1 }

    private func start(_ body: @escaping @Sendable () async -> Void) {
        tasks.append(Task(executorPreference: executor) { await body() })
    }

    private func pick<Element>(_ elements: [Element]) -> Element { elements[random.below(elements.count)] }

    // MARK: A process

    private static func begin(
        _ kept: InMemoryEventLog, _ model: SimulatedModel, _ account: ModelAccount, _ environment: Environment,
        _ executor: SimulatedExecutor
    ) -> Process {
        let log = MortalLog(kept, account)
        var configuration = HubConfiguration()
        configuration.listsThreads = false
        var retries = ModelRetryPolicy()
        retries.tries = 1000
        let agent = ModelAgent(
            "ops", model: model, tools: tools(log, account, environment), limits: AgentLimits(steps: 100),
            restart: .resume, retries: retries)
        let hub = AgentEventsHub(
            runtime: AgentRuntime(log: log, configuration: RuntimeConfiguration(environment: environment)),
            agents: [agent], authorizer: OwnershipAuthorizer(), authenticator: NoAuthentication(),
            configuration: configuration, limits: configuration.streamLimits(needsCredentials: false),
            metrics: NOOPMetricsHandler.instance,
            logger: Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }, onUnresponsiveAgents: { _ in })
        let work = Task(executorPreference: executor) { await hub.runUntilCancelled() }
        return Process(log: log, hub: hub, work: work)
    }

    /// What a process that is gone still does is nothing.
    private static func tools(_ log: MortalLog, _ account: ModelAccount, _ environment: Environment) -> [Tool] {
        @Sendable func work(_ milliseconds: Int) async throws {
            try await environment.sleep(.milliseconds(milliseconds))
            if log.isDead { throw CancellationError() }
        }
        @Sendable func begin() throws {
            if log.isDead { throw CancellationError() }
        }
        return [
            Tool("look", "Looks.", repeatable: true) { (order: Order, call: ToolCall) in
                try begin()
                account.begin(call.id, isRepeatable: true)
                try await work(order.item * 20)
                try await call.progress(fraction: 0.5)
                return order.item
            },
            Tool("change", "Changes.") { (order: Order, call: ToolCall) in
                try begin()
                account.begin(call.id)
                try await work(order.item * 20)
                return "changed"
            },
            Tool("buy", "Buys.", approval: .ask { "Buy \($0.item)?" }) { (order: Order, call: ToolCall) in
                try begin()
                account.begin(call.id, isAskedAbout: true)
                try await work(order.item * 10)
                return "bought"
            },
            Tool("break", "Breaks.") { (_: Order, call: ToolCall) -> Int in
                try begin()
                account.begin(call.id)
                throw OutOfStock()
            },
        ]
    }

    private func kill() {
        guard process.log.kill() else { return }
        note("killed")
        process.work.cancel()
        log.close()
        process = Self.begin(log, model, account, environment, executor)
    }

    // MARK: Steps

    private func step() {
        switch random.below(1000) {
        case ..<700: for _ in 0...random.below(16) { executor.runNext(random.next()) }
        case ..<730: send(to: pick(threads))
        case ..<760: answer()
        case ..<766: command(.stop, in: pick(threads))
        case ..<776: command(.pause, in: pick(threads))
        case ..<790: command(.resume, in: pick(threads))
        case 790: kill()
        default: if executor.readyCount == 0 || random.once(in: 8) { time.fireNext() }
        }
    }

    private func send(to thread: ThreadID) {
        requestCount += 1
        let policies: [ConcurrencyPolicy?] = [nil, .steer, .supersede]
        let (hub, account, number, policy) = (process.hub, account, requestCount, pick(policies))
        start {
            do throws(ProtocolError) {
                let request = MessageRequest(text: "message \(number)", agent: "ops", policy: policy)
                let answer = try await hub.intake.submit(
                    request, in: thread, from: Principal.backend(of: Self.user, [.read, .command]))
                account.count("message \(answer.status.map { $0.rawValue } ?? "logged")")
            } catch {
                account.count("message refused \(error.code)")
            }
        }
    }

    private func command(_ action: RunCommand.Action, in thread: ThreadID) {
        let (hub, account) = (process.hub, account)
        start {
            do throws(AgentEventsError) {
                let context = try await hub.runtime.context(user: Self.user, thread: thread)
                let receipt = try await context.command(RunCommand(action, by: Self.user))
                account.count("\(action.name) \(receipt.outcome)")
            } catch {
                account.count("\(action.name) refused \(error.code)")
            }
        }
    }

    private func answer() {
        let open = account.questions
        guard !open.isEmpty else { return }
        let (question, isApproved) = (pick(open), random.once(in: 2))
        let (hub, account) = (process.hub, account)
        start {
            do throws(AgentEventsError) {
                let context = try await hub.runtime.context(user: Self.user, thread: question.thread)
                let answer = ApprovalAnswer(question.approval, isApproved: isApproved, by: Self.user)
                let receipt = try await context.answer(answer)
                account.count("answer \(receipt.outcome)")
            } catch {
                account.count("answer refused \(error.code)")
            }
        }
    }

    // MARK: The end

    /// Nothing breaks any longer, and all that was begun ends.
    private func settle() {
        model.calm()
        for _ in 0..<4000 where account.violation == nil {
            drain()
            if account.openRuns.isEmpty { break }
            for thread in threads { command(.resume, in: thread) }
            answer()
            drain()
            time.fireNext()
        }
        if account.violation == nil, !account.openRuns.isEmpty { account.fail("runs never end: \(account.openRuns)") }
        process.work.cancel()
        for task in tasks { task.cancel() }
        drain()
        if executor.foreignCount > 0 { account.fail("\(executor.foreignCount) jobs came from other threads") }
    }

    /// Until nothing can continue but time.
    private func drain() {
        for _ in 0..<200_000 where !executor.runNext(random.next()) { return }
        account.fail("something never ends")
    }
}
