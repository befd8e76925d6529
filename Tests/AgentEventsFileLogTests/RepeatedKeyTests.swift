import AgentEvents
import AgentEventsTesting
import Foundation
import Testing

@testable import AgentEventsFileLog

/// A request that is repeated has the same answer, over either log and after a restart.
@Suite struct RepeatedKeyTests {
    /// The end closes a call, with an event that is not the request's.
    private static let drafts = [
        EventDraft(runID: "r_1", agent: "guide", .agentStarted(AgentStarted())),
        EventDraft(runID: "r_1", .toolExecuting(ToolExecuting(callID: "c_1", tool: "search", arguments: [:]))),
        EventDraft(
            runID: "r_1",
            .agentFailed(
                AgentFailed(
                    error: RunFailure(code: "test", message: "It is over.", retryable: false),
                    durationMilliseconds: 1))),
    ]
    private static let expected: [UInt64] = [1, 2, 4]

    private func emit(to log: some EventLog) async throws -> EmitReceipt {
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            let receipt = try await context.emit(Self.drafts, key: "k_1")
            try await runtime.flush()
            let again = try await context.emit(Self.drafts, key: "k_1")
            #expect(again.isRepeated && again.ids == receipt.ids)
            return receipt
        }
    }

    /// What no request can have logged is refused with its whole commit.
    @Test(arguments: [[], [2, 1], [1, 1]] as [[UInt64]])
    func aKeyWhoseIdsDoNotRiseIsAConflict(_ sequences: [UInt64]) async throws {
        try await withTemporaryFolder { folder in
            let files = FileEventLog(path: folder + "/log")
            for log in [files, InMemoryEventLog()] as [any EventLog] {
                _ = try await log.open()
                var refused = commit(1, generation: 1)
                refused.entries += commit(2, generation: 1).entries
                let ids = sequences.map { EventID(generation: 1, sequence: $0) }
                refused.keys = [KeyedEvents(key: "k_1", thread: "t_1", ids: ids)]
                await expect(.conflict) { try await log.append(refused) }
                #expect(try await log.thread("t_1") == nil)
                try await log.append(commit(1, generation: 1))
                #expect(try await log.recall("k_1", in: "t_1") == nil)
            }
            try await files.close()
        }
    }

    @Test func theIdsAreTheSameInMemory() async throws {
        let log = InMemoryEventLog()
        let first = try await emit(to: log)
        #expect(first.ids.map(\.sequence) == Self.expected && !first.isRepeated)
        log.close()
        let second = try await emit(to: log)
        #expect(second.ids == first.ids && second.isRepeated)
        #expect(try await log.recall("k_1", in: "t_1")?.ids == first.ids)
    }

    /// - Parameter ending: what was there between the two requests: a file of the index with the key, blocks with it, or
    ///   blocks alone.
    @Test(arguments: ["closed", "killed", "without an index"])
    func theIdsAreTheSameInFiles(_ ending: String) async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log")
            let first = try await emit(to: log)
            #expect(first.ids.map(\.sequence) == Self.expected && !first.isRepeated)
            var path = log.path
            if ending != "closed" { path = try copyOfFiles(of: log) }
            try await log.close()
            if ending == "without an index" {
                for suffix in ["", "-wal"] { try FileManager.default.removeItem(atPath: path + suffix) }
            }
            let next = FileEventLog(path: path)
            let second = try await emit(to: next)
            #expect(second.ids == first.ids && second.isRepeated)
            #expect(try await next.recall("k_1", in: "t_1")?.ids == first.ids)
            try await next.close()
        }
    }
}
