import AgentEvents
import AgentEventsModels
import AgentEventsTesting
import Synchronization
import Testing

/// A runtime over a log in memory, with a clock that the test moves, and a thread in which runs ask models.
struct ModelStage {
    let runtime: AgentRuntime
    let context: ExecutionContext
    let log: InMemoryEventLog
    let clock: ManualClock

    static func with(
        configure: (inout RuntimeConfiguration) -> Void = { _ in },
        _ body: (ModelStage) async throws -> Void
    ) async throws {
        let (log, clock) = (InMemoryEventLog(), ManualClock())
        var configuration = RuntimeConfiguration(environment: .manual(clock))
        configure(&configuration)
        try await withAgentRuntime(log: log, configuration: configuration) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            try await body(ModelStage(runtime: runtime, context: context, log: log, clock: clock))
        }
    }

    func ask(_ text: String, _ id: MessageID) async throws {
        try await context.emit(EventDraft(.userMessage(UserMessage(messageID: id, userID: "u_1", text: text))))
    }

    /// How a run ends whose body is cancelled when it does.
    @discardableResult
    func run<Value: Sendable>(
        _ body: @escaping @Sendable (AgentRun) async throws -> Value
    ) async -> Result<Value, any Error> {
        do {
            return .success(
                try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide", deadline: nil, body))
        } catch {
            return .failure(error)
        }
    }

    func command(_ action: RunCommand.Action) async throws {
        _ = try await context.command(RunCommand(action, by: "u_1"))
    }

    func answer(_ approval: ApprovalID, _ isApproved: Bool) async throws {
        _ = try await context.answer(ApprovalAnswer(approval, isApproved: isApproved, by: "u_1"))
    }

    /// Returns when this many events of a type are committed; the last one of them.
    @discardableResult
    func wait(for type: EventType, count: Int = 1) async throws -> AgentEvent {
        var rest = count
        for try await event in try await runtime.events(user: "u_1", thread: "t_1") where event.type == type {
            rest -= 1
            if rest == 0 { return event }
        }
        throw CancellationError()
    }

    /// The events in the log.
    var events: [AgentEvent] {
        get async throws {
            try await runtime.flush()
            return try await Logged.events(log)
        }
    }

    var words: [String] { get async throws { try await events.map(Logged.word) } }
}

/// What is in a log.
enum Logged {
    static func events(_ log: some EventLog, in thread: ThreadID = "t_1") async throws -> [AgentEvent] {
        var events: [AgentEvent] = []
        while true {
            let page = try await log.read(LogRead(.thread(thread, after: events.last?.sequence ?? 0)))
            guard !page.events.isEmpty else { return events }
            events += try page.events.map { try EventDecoder.decode($0.bytes) }
        }
    }

    /// An event in a few words.
    static func word(_ event: AgentEvent) -> String {
        switch event.payload {
        case .messageDelta(let delta): "say \(delta.text)"
        case .messageCompleted(let completed): (completed.isInterrupted ? "interrupted " : "said ") + completed.text
        case .agentThinking(let thinking): "think \(thinking.text)"
        case .toolExecuting(let executing): "call \(executing.tool)"
        case .toolCompleted(let completed):
            "\(completed.status) \(completed.tool)" + (completed.error.map { " \($0.code)" } ?? "")
        case .usageReported(let report):
            "usage \(report.inputTokens)/\(report.outputTokens)" + (report.isEstimated ? " estimated" : "")
        case .approvalRequested(let asked): "ask \(asked.prompt)"
        case .approvalResolved(let resolved): "\(resolved.decision)"
        case .agentFailed(let failed): "failed \(failed.error.code)"
        case .inputTaken: "input"
        default: event.typeName
        }
    }

    /// A transcript in words: `u:text`, `a:text` with the calls after it.
    static func words(_ transcript: Transcript) -> [String] {
        transcript.items.map { item in
            switch item {
            case .user(let message): "u:\(message.text)"
            case .assistant(let turn): "a:\(turn.text)" + turn.calls.map { " \($0.tool)\(word($0.result))" }.joined()
            }
        }
    }

    private static func word(_ result: TranscriptResult) -> String {
        switch result {
        case .succeeded(let value): "=" + (value.map { String(decoding: $0.encoded(), as: UTF8.self) } ?? "")
        case .failed(let code, _): "!\(code)"
        }
    }
}

/// A model that does what a test says.
struct StagedModel: LanguageModel {
    var name = "staged"
    let body: @Sendable (ModelRequest, (ModelPart) async throws -> Void) async throws -> Void

    func reply(to request: ModelRequest, _ part: (ModelPart) async throws -> Void) async throws {
        try await body(request, part)
    }
}

/// Counts, and keeps what it is given.
final class Tally<Value: Sendable>: Sendable {
    private let state = Mutex<[Value]>([])

    var all: [Value] { state.withLock { $0 } }
    var count: Int { all.count }

    /// - Returns: the number of values before.
    @discardableResult
    func add(_ value: Value) -> Int {
        state.withLock { values in
            values.append(value)
            return values.count - 1
        }
    }
}

extension ModelStage {
    /// A request with one message.
    static func transcript(_ text: String = "one") -> Transcript {
        Transcript(items: [.user(TranscriptMessage(id: "m_1", author: "u_1", text: text))])
    }
}
