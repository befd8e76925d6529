import AgentEvents
import Testing

@testable import AgentEventsHub

/// The event with which a queued run starts.
struct QueuedStartTests {
    private static func started(_ queue: [ThreadLoad.Queued]) throws -> (start: AgentStarted, ended: [RunID?]) {
        let start = QueuedStart(
            ThreadLoad(roots: [], queue: queue), place: 0, merges: true, at: Timestamp(milliseconds: 1000))
        let last = try #require(start.drafts.last)
        guard case .agentStarted(let started) = last.payload else { throw AgentEventsError(.emptyBatch, "no start") }
        #expect(started.messageIDs == start.messageIDs)
        // It can be logged.
        _ = try EventEncoder.encode(
            last.payload, id: EventID(generation: 1, sequence: 1), thread: "t_1", run: last.runID, agent: last.agent,
            time: Timestamp(milliseconds: 1000))
        return (started, start.drafts.dropLast().map(\.runID))
    }

    /// A run is to be done again by a person, and by itself since its process was lost: both wait with its message.
    @Test func aMessageOfTwoQueuedRunsIsTakenOnce() throws {
        let merged = try Self.started([
            ThreadLoad.Queued(run: "r_1", agent: "guide", messageIDs: ["m_1"], retryOf: "r_0"),
            ThreadLoad.Queued(run: "r_2", agent: "guide", messageIDs: ["m_1"], attempt: 2, retryOf: "r_0"),
            ThreadLoad.Queued(run: "r_3", agent: "guide", messageIDs: ["m_2", "m_1"]),
        ])
        #expect(merged.start.messageIDs == ["m_1", "m_2"])
        #expect(merged.ended == ["r_2", "r_3"])
    }
}
