import AgentEventsTesting
import Testing

@testable import AgentEvents

/// What a model would be told of a thread is made of its events, so it has to be whole after every stop.
@Suite(.timeLimit(.minutes(10))) struct TranscriptTests {
    /// The calls of a thread, and what they gave, in the order of the log.
    private struct Transcript {
        enum Fault: Hashable {
            case unanswered(RunID, CallID)
            case answeredTwice(RunID, CallID)
            case answeredUnasked(RunID, CallID)
        }

        private(set) var faults: [Fault] = []
        private(set) var results: [ToolStatus] = []

        init(_ events: [AgentEvent]) {
            var open: [RunID: Set<CallID>] = [:]
            var closed: [RunID: Set<CallID>] = [:]
            for event in events {
                guard let run = event.runID else { continue }
                switch event.payload {
                case .toolExecuting(let executing):
                    open[run, default: []].insert(executing.callID)
                case .toolCompleted(let completed):
                    results.append(completed.status)
                    if open[run]?.remove(completed.callID) == nil {
                        let isSecond = closed[run]?.contains(completed.callID) ?? false
                        faults.append(
                            isSecond ? .answeredTwice(run, completed.callID) : .answeredUnasked(run, completed.callID))
                    }
                    closed[run, default: []].insert(completed.callID)
                default:
                    break
                }
            }
            for (run, calls) in open { faults += calls.map { .unanswered(run, $0) } }
        }
    }

    private static let script: [EventDraft] = [
        EventDraft(runID: "r_1", agent: "guide", .agentStarted(AgentStarted())),
        EventDraft(runID: "r_1", .messageDelta(MessageDelta(messageID: "m_1", text: "Let me see"))),
        EventDraft(runID: "r_1", .toolExecuting(ToolExecuting(callID: "c_1", tool: "search", arguments: 1))),
        EventDraft(runID: "r_1", .toolExecuting(ToolExecuting(callID: "c_2", tool: "search", arguments: 2))),
        EventDraft(runID: "r_1", .toolProgress(ToolProgress(callID: "c_2", fraction: 0.5))),
        EventDraft(
            runID: "r_1",
            .toolCompleted(ToolCompleted(callID: "c_1", tool: "search", status: .succeeded, durationMilliseconds: 1))),
        EventDraft(runID: "r_1", .toolExecuting(ToolExecuting(callID: "c_3", tool: "deploy", arguments: 3))),
        EventDraft(
            runID: "r_1", .approvalRequested(ApprovalRequested(approvalID: "a_1", callID: "c_3", prompt: "Deploy?"))),
        EventDraft(
            runID: "r_2", agent: "helper", .agentStarted(AgentStarted(parentRunID: "r_1", parentCallID: "c_2"))),
        EventDraft(runID: "r_2", .toolExecuting(ToolExecuting(callID: "c_1", tool: "read", arguments: 4))),
        EventDraft(runID: "r_1", .approvalResolved(ApprovalResolved(approvalID: "a_1", decision: .denied, by: "u_1"))),
        EventDraft(runID: "r_2", .agentPaused(AgentPaused())),
    ]

    /// 13: after a stop at any event each call has one result, and says that it is none of its own.
    @Test(arguments: 1...script.count) func case13AfterAStopEachCallHasAResult(_ count: Int) async throws {
        try await CommandStage.with { stage in
            for draft in Self.script.prefix(count) { try await stage.context.emit(draft) }
            let before = Transcript(try await stage.events)
            let stop = try await stage.command(.stop)
            #expect(stop.outcome == .done)
            let after = Transcript(try await stage.events)
            #expect(after.faults == [])
            #expect(after.results.dropFirst(before.results.count).allSatisfy { $0 == .cancelled || $0 == .denied })
            // The fold itself sees what is missing.
            let calls = Self.script.prefix(count).count { $0.payload.type == .toolExecuting }
            #expect(after.results.count == calls)
            #expect(before.faults.count == calls - before.results.count)
        }
    }

    /// 13, with bodies that work: what they return too late is in nobody's transcript.
    @Test(arguments: CommandStage.logs) func case13BodiesThatReturnLateGiveNoSecondResult(contended: Bool) async throws
    {
        try await CommandStage.with(contended: contended) { stage in
            let release = Latch()
            async let outcome: Result<Void, any Error> = stage.outcome { run in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 1...3 {
                        group.addTask { try await run.tool("read", arguments: number) { _ in await release.wait() } }
                    }
                    try await group.waitForAll()
                }
            }
            try await stage.wait(for: .toolExecuting, count: 3)
            try await stage.command(.stop)
            release.open()
            _ = await outcome
            let transcript = Transcript(try await stage.events)
            #expect(transcript.faults == [] && transcript.results == [.cancelled, .cancelled, .cancelled])
        }
    }
}
