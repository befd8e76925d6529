import Testing

@testable import AgentEvents

struct GroupCommitTests {
    /// What a log with several writers has refused was shown to nobody (I1).
    @Test func whatTheLogRefusesIsNotHandedOut() async throws {
        let log = InMemoryContendedLog()
        let other = log.anotherWriter()
        let generation = try await log.open().generation
        _ = try await other.open()
        let id = EventID(generation: generation, sequence: 1)
        let (first, second) = (ThreadOwner(thread: "t_1", user: "u_1"), ThreadOwner(thread: "t_2", user: "u_1"))
        func entry(_ owner: ThreadOwner) -> LogEntry {
            LogEntry(
                owner: owner, id: id, type: .custom, run: nil,
                bytes: Array("{}".utf8))
        }
        try await other.append(LogCommit(entries: [entry(first)], time: Timestamp(milliseconds: 0)))
        let commit = GroupCommit(highWaterByteCount: 1 << 20)
        let refused = try commit.offer([entry(first)], key: KeyedEvents(key: "k_1", thread: "t_1", ids: [id]))
        let taken = try commit.offer([entry(second)], key: KeyedEvents(key: "k_2", thread: "t_2", ids: [id]))
        commit.close()
        var handedOut: [(threads: [ThreadID], keys: [IdempotencyKey], position: UInt64)] = []
        try await commit.run(log: log, environment: .system) { commit, position, _ in
            handedOut.append((commit.entries.map(\.owner.thread), commit.keys.map(\.key), position))
        }
        #expect(handedOut.map(\.threads) == [["t_2"]])
        #expect(handedOut.map(\.keys) == [["k_2"]])
        #expect(handedOut.map(\.position) == [taken.position])
        let isRefusedTaken = try await commit.waitUntilSettled(refused.position, of: first)
        let isTaken = try await commit.waitUntilSettled(taken.position, of: second)
        #expect(!isRefusedTaken && isTaken)
    }
}
