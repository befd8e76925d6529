import AgentEvents
import Testing

/// The queue of a thread, and what its runs wait for, in its state.
@Suite struct QueueFoldingTests {
    private var state = ThreadState()
    private var sequence: UInt64 = 0

    private mutating func apply(_ run: RunID, _ payloads: EventPayload...) {
        for payload in payloads {
            sequence += 1
            state.apply(
                AgentEvent(
                    id: EventID(generation: 1, sequence: sequence), threadID: "t_7", runID: run, agent: "guide",
                    time: Timestamp(milliseconds: Int64(sequence)), payload: payload))
        }
    }

    private func run(_ run: RunID) throws -> ThreadState.Run { try #require(state.runs.last { $0.runID == run }) }

    private var queued: [RunID] { state.queue.map(\.runID) }

    @Test mutating func aQueuedRunHasItsPlaceUntilItStartsOrEnds() throws {
        let start = Timestamp(milliseconds: 5000)
        apply(
            "r_1",
            .agentQueued(
                AgentQueued(messageIDs: ["m_1", "m_2"], notBefore: start, startBy: Timestamp(milliseconds: 5001))))
        apply("r_2", .queue)
        apply("r_3", .queue)
        #expect(queued == ["r_1", "r_2", "r_3"])
        #expect(state.queue.first?.messageIDs == ["m_1", "m_2"])
        #expect(state.queue.first?.queuedAt == Timestamp(milliseconds: 1))
        #expect(state.queue.first?.notBefore == start)
        #expect(state.openRuns.map(\.status) == [.queued, .queued, .queued])
        #expect(try run("r_1").deadlineAt == Timestamp(milliseconds: 5001))
        let position = state.json["queue"]?.arrayValue?.last?["position"]
        #expect(position == 3)

        apply("r_2", .cancel)
        #expect(queued == ["r_1", "r_3"])
        #expect(try run("r_2").status == .cancelled)
        apply("r_1", .start())
        #expect(queued == ["r_3"])
        #expect(try run("r_1").status == .running)
        #expect(try run("r_1").queuedAt == Timestamp(milliseconds: 1))
        #expect(try run("r_1").startedAt == Timestamp(milliseconds: 5))
        #expect(try run("r_1").deadlineAt == nil)
        apply("r_3", .failLate)
        #expect(queued == [])
        #expect(try run("r_3").error?.code == "run.not_started_in_time")
    }

    // MARK: Waiting

    /// Events of `r_1` after its start, and whether it waits then.
    @Test(
        arguments: [
            ([EventPayload.ask("a_1")], true),
            ([.call("c_1"), .ask("a_1", call: "c_1")], true),
            ([.call("c_1"), .ask("a_1")], false),
            ([.call("c_1"), .call("c_2"), .ask("a_1", call: "c_1")], false),
            ([.call("c_1"), .call("c_2"), .ask("a_1", call: "c_1"), .ask("a_2", call: "c_2")], true),
            // A further request, a partial answer and a report leave it waiting.
            ([.ask("a_1"), .ask("a_2"), .answer("a_1")], true),
            ([.ask("a_1"), .usage], true),
            // Its next event ends it.
            ([.ask("a_1"), .answer("a_1")], false),
            ([.ask("a_1"), .think], false),
            ([.ask("a_1"), .progress], false),
            ([.ask("a_1"), .custom], false),
            ([.ask("a_1"), .takeInput], false),
            ([.ask("a_1"), .delta("m_1")], false),
            ([.ask("a_1"), .call("c_1")], false),
            ([.call("c_1"), .ask("a_1", call: "c_1"), .callProgress("c_1")], false),
            ([.call("c_1"), .ask("a_1", call: "c_1"), .callEnd("c_1")], false),
            ([.ask("a_1"), .pause], false),
            ([.ask("a_1"), .ask("a_2"), .answer("a_1"), .think], false),
            ([.ask("a_1"), .think, .ask("a_2")], true),
            ([.ask("a_1"), .cancel], false),
        ] as [([EventPayload], Bool)])
    mutating func aRunWaits(after payloads: [EventPayload], _ waits: Bool) throws {
        apply("r_1", .start())
        for payload in payloads { apply("r_1", payload) }
        #expect(try run("r_1").isWaiting == waits)
        #expect(try ThreadState(json: state.json) == state)
    }

    @Test mutating func aParentWaitsWithItsChildren() throws {
        apply("r_1", .start(), .call("c_1"))
        apply("r_2", .start(parent: "r_1", call: "c_1"))
        apply("r_3", .start(parent: "r_2"))
        apply("r_3", .ask("a_1"))
        #expect(state.openRuns.map(\.isWaiting) == [true, true, true])
        apply("r_3", .usage)
        #expect(state.openRuns.map(\.isWaiting) == [true, true, true])
        apply("r_3", .answer("a_1"))
        #expect(state.openRuns.map(\.isWaiting) == [false, false, false])
        apply("r_3", .ask("a_2"))
        #expect(state.openRuns.map(\.isWaiting) == [true, true, true])
        // One that does something keeps those above it busy, and itself only.
        apply("r_4", .start(parent: "r_1"))
        #expect(state.openRuns.map(\.isWaiting) == [false, true, true, false])
        apply("r_4", .ask("a_1"))
        #expect(state.openRuns.map(\.isWaiting) == [true, true, true, true])
        apply("r_3", .complete)
        #expect(state.openRuns.map(\.isWaiting) == [false, false, true])
    }

    // MARK: Usage

    @Test mutating func reportsAddUpAndTheEndHasTheLastWord() throws {
        apply("r_1", .start(), .usage)
        apply("r_1", .usageReported(UsageReported(model: "m", inputTokens: 5, outputTokens: 1, isEstimated: true)))
        #expect(
            try run("r_1").usage == TokenUsage(inputTokens: 15, outputTokens: 3, other: ["estimated": true]))
        #expect(try ThreadState(json: state.json) == state)
        let whole = TokenUsage(inputTokens: 99, other: ["cost": 0.5])
        apply("r_1", .agentCompleted(AgentCompleted(usage: whole, durationMilliseconds: 1)))
        #expect(try run("r_1").usage == whole)
        #expect(try ThreadState(json: state.json) == state)
    }

    @Test mutating func anEndWithoutUsageLeavesWhatWasReported() throws {
        apply("r_1", .start(), .usage, .fail)
        #expect(try run("r_1").usage == TokenUsage(inputTokens: 10, outputTokens: 2))
    }

    // MARK: States of before

    /// A state that was stored by a version without a queue is continued.
    @Test func aStateOfAnEarlierVersionIsRead() throws {
        let text =
            #"{"format":1,"cursor":"3-57","messages":[],"runs":[{"run_id":"r_1","agent":"guide","status":"running","#
            + #""started_at":"2026-11-21T02:10:05.123Z"}],"calls":[],"approvals":[{"run_id":"r_1","approval_id":"a_1","#
            + #""prompt":"Go on?","requested_at":"2026-11-21T02:10:06.123Z"}],"entries":[],"#
            + #""dropped":{"messages":12,"runs":4,"entries":0},"limits":{"message_count":200,"message_bytes":524288,"#
            + #""run_count":100,"run_bytes":262144,"entry_count":1024,"entry_bytes":1179648,"thought_bytes":16384}}"#
        let state = try ThreadState(json: JSONValue(parsing: Array(text.utf8)))
        #expect(state.queue == [])
        #expect(state.runs.map(\.isWaiting) == [false])
        #expect(state.approvals.map(\.kind) == [.approval])
        #expect(state.json["queue"] == [])
    }
}
