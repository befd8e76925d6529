import AgentEvents

/// Threads with an open run each, used in turn.
final class BenchThreads {
    private var contexts: [(context: ExecutionContext, draft: EventDraft)] = []
    private var next = 0

    init(count: Int, runtime: AgentRuntime) async throws {
        for number in 0..<count {
            let thread = try ThreadID("t_\(number)")
            let context = try await runtime.context(user: "u_bench", thread: thread)
            try await context.emit(EventDraft(runID: "r_bench", agent: "bench", .agentStarted(AgentStarted())))
            contexts.append((context, BenchEvent.thinking(run: "r_bench", thread: thread)))
        }
        try await runtime.flush()
    }

    /// - Returns: the position of the event.
    func emitNext(_ runtime: AgentRuntime) async throws -> UInt64 {
        let (context, draft) = contexts[next]
        next = next + 1 == contexts.count ? 0 : next + 1
        try await context.emit(draft)
        return runtime.offeredPosition
    }
}

/// The event that is measured with: a thought, encoded in 200 bytes.
enum BenchEvent {
    static let byteCount = 200

    /// - Parameter textByteCount: the length of the text; `nil` for that with which the event has 200 bytes.
    static func thinking(run: RunID, thread: ThreadID, textByteCount: Int? = nil) -> EventDraft {
        let empty = AgentEvent(
            id: EventID(generation: 1, sequence: 1000), threadID: thread, runID: run, agent: "bench",
            time: WallClock.system.now(), payload: .agentThinking(AgentThinking(thoughtID: "th_bench", text: "")))
        let base = (try? EventEncoder.encode(empty).count) ?? 0
        let textCount = textByteCount ?? max(0, byteCount - base)
        let text = String(repeating: "thinking ", count: textCount / 9 + 1).prefix(textCount)
        return EventDraft(
            runID: run, agent: "bench", .agentThinking(AgentThinking(thoughtID: "th_bench", text: String(text))))
    }
}
