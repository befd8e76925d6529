import AgentEvents

/// The event that is measured with: a thought, encoded in 200 bytes.
enum BenchEvent {
    static let byteCount = 200

    static func thinking(run: RunID, thread: ThreadID) -> EventDraft {
        let empty = AgentEvent(
            id: EventID(generation: 1, sequence: 1000), threadID: thread, runID: run, agent: "bench",
            time: WallClock.system.now(), payload: .agentThinking(AgentThinking(thoughtID: "th_bench", text: "")))
        let base = (try? EventEncoder.encode(empty).count) ?? 0
        let text = String(repeating: "thinking ", count: 30).prefix(max(0, byteCount - base))
        return EventDraft(
            runID: run, agent: "bench", .agentThinking(AgentThinking(thoughtID: "th_bench", text: String(text))))
    }
}
