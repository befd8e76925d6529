import AgentEvents
import Foundation
import Testing

@testable import AgentEventsFileLog

/// Runs that stay open over openings of a log on a disk; section (f) 24 and 61.
@Suite(.timeLimit(.minutes(10))) struct RestartTests {
    /// Lets a process work on a log until the body returns. It ends as it is: the log is closed, and no run is ended.
    private func process(_ path: String, _ body: (AgentRuntime, ExecutionContext) async throws -> Void) async throws {
        let log = FileEventLog(path: path)
        let runtime = AgentRuntime(log: log)
        runtime.recover { agent in RunRecovery.Policy(agent == "guide" ? .resume : .again(attempts: 2)) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await runtime.run() }
            try await runtime.waitForStart()
            try await body(runtime, try await runtime.context(user: "u_1", thread: "t_1"))
            try await runtime.flush()
            runtime.shutdown()
            try await group.waitForAll()
        }
        try await log.close()
    }

    @Test func case24OnADisk() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/log"
            try await process(path) { _, context in
                let call = ToolExecuting(callID: "c_1", tool: "deploy", arguments: ["build": 7])
                let question = ApprovalRequested(approvalID: "a_1", callID: "c_1", prompt: "Deploy?")
                _ = try await context.emit([
                    EventDraft(runID: "r_1", agent: "guide", .agentStarted(AgentStarted(input: "it"))),
                    EventDraft(runID: "r_1", .toolExecuting(call)),
                    EventDraft(runID: "r_1", .approvalRequested(question)),
                ])
            }
            for _ in 1...3 {
                try await process(path) { runtime, context in
                    #expect(runtime.parkedRuns.map(\.run) == ["r_1"])
                    if case .wait = try await context.attach("r_1") { return }
                    Issue.record("it waits for its answer")
                }
            }
            try await process(path) { runtime, context in
                let answer = ApprovalAnswer("a_1", run: nil, isApproved: true, data: nil, by: "u_1")
                #expect(try await context.answer(answer).outcome == .done)
                guard case .taken(let work) = try await context.attach("r_1"), let run = work.run else {
                    Issue.record("it can be taken up")
                    return
                }
                #expect(work.beginning.input == "it" && work.calls.map(\.arguments) == [["build": 7]])
                try await runtime.work(for: run) { run in
                    for call in work.calls { _ = try await run.finish(call, timeout: nil) { _ in "deployed" } }
                    return nil
                }
            }
            try await process(path) { runtime, _ in
                #expect(runtime.parkedRuns.isEmpty)
                let types = try await runtime.log.read(LogRead(.thread("t_1", after: 0))).events.map {
                    try EventDecoder.decode($0.bytes).typeName
                }
                #expect(
                    types == [
                        "agent_started", "tool_executing", "approval_requested", "approval_resolved", "tool_completed",
                        "agent_completed",
                    ])
            }
        }
    }

    @Test func case61ARunIsDoneAgainOnADisk() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/log"
            try await process(path) { _, context in
                _ = try await context.emit(
                    EventDraft(runID: "r_1", agent: "other", .agentStarted(AgentStarted(messageIDs: ["m_1"]))))
            }
            for _ in 1...2 {
                try await process(path) { runtime, _ in
                    #expect(runtime.threadsWithQueuedRuns.map(\.thread) == ["t_1"])
                    let queued = try await runtime.queuedRuns(of: "t_1", user: "u_1")
                    #expect(queued.map(\.queued.attempt) == [2] && queued.map(\.queued.retryOf) == ["r_1"])
                    #expect(queued.first?.queued.messageIDs == ["m_1"])
                }
            }
        }
    }

    /// The beginning of a run is found by the index, in memory and in the file.
    @Test func theFirstEventOfARunIsFoundByItsID() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/log"
            func find(_ log: FileEventLog) async throws {
                #expect(try await log.firstSequence(of: "r_1", in: "t_1") == 1)
                #expect(try await log.firstSequence(of: "r_2", in: "t_1") == 3)
                #expect(try await log.firstSequence(of: "r_3", in: "t_1") == nil)
                #expect(try await log.firstSequence(of: "r_1", in: "t_2") == nil)
            }
            try await process(path) { runtime, context in
                _ = try await context.emit([
                    EventDraft(runID: "r_1", agent: "other", .agentQueued(AgentQueued())),
                    EventDraft(runID: "r_1", agent: "other", .agentStarted(AgentStarted())),
                    EventDraft(runID: "r_2", agent: "other", .agentStarted(AgentStarted())),
                    EventDraft(runID: "r_1", .agentCompleted(AgentCompleted(durationMilliseconds: 0))),
                    EventDraft(runID: "r_2", .agentCompleted(AgentCompleted(durationMilliseconds: 0))),
                ])
                try await runtime.flush()
                try await find(try #require(runtime.log as? FileEventLog))
            }
            let again = FileEventLog(path: path)
            _ = try await again.open()
            try await find(again)
            try await again.close()
        }
    }
}
