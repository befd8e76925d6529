import AgentEvents
import Synchronization

extension StateStoreConformance {
    /// While several tasks save, and a log appends, a reader sees saves whole, and nothing is lost.
    public func showsWholeSaves() async throws {
        let store = try await make()
        let rounds: ClosedRange<UInt8> = 1...25
        let writing = Writing()
        try await withThrowingTaskGroup { group in
            group.addTask {
                defer { writing.end() }
                try await write(rounds, to: store)
            }
            group.addTask { try await watch(store, during: writing) }
            try await group.waitForAll()
        }
        let last = [rounds.upperBound]
        let expected = ["a1": last, "a2": last, "b1": last, "b2": last, "c1": last, "c2": last]
        check(try await contents(of: store) == expected, "each task's last save is there at the end")
    }

    private func write(_ rounds: ClosedRange<UInt8>, to store: any StateStore) async throws {
        try await withThrowingTaskGroup { group in
            for writer in ["a", "b", "c"] {
                group.addTask {
                    for round in rounds {
                        try await store.save([value(writer + "1", round), value(writer + "2", round)])
                    }
                }
            }
            if let log = store as? any EventLog {
                group.addTask { try await append(to: log) }
            }
            try await group.waitForAll()
        }
    }

    private func watch(_ store: any StateStore, during writing: Writing) async throws {
        while !writing.isOver {
            // A store that never suspends would leave no thread to the writers.
            await Task.yield()
            let all = try await store.loadAll(.consumer, thread: "t_1")
            let seen = Dictionary(all.map { ($0.name, $0.bytes) }) { first, _ in first }
            for writer in ["a", "b", "c"] where seen[writer + "1"] != seen[writer + "2"] {
                check(false, "a part of a save was seen")
                return
            }
        }
    }

    private func append(to log: any EventLog) async throws {
        // Numbered as in the generation of a log that was opened once: logs look at the sequence.
        var script = LogScript(generation: 1)
        for _ in 0..<50 {
            let commit = script.commit(["t_1", "t_2"])
            try await withTaskExecutorPreference(log.executor) { try await log.append(commit) }
        }
        let page = try await log.read(LogRead(.all(afterOffset: 0)))
        check(page.events == script.events, "what was appended between saves is there")
    }

    /// A store that is opened again has what it had, and not what was removed.
    ///
    /// Checks nothing for a store that cannot be opened again.
    public func keepsEverythingWhenReopened() async throws {
        guard let reopen else { return }
        var store = try await make()
        var expected: [String: [UInt8]] = [:]
        for round in 1...5 as ClosedRange<UInt8> {
            try await store.save([value("same", round), value("new_\(round)", round), value("old_\(round)", round)])
            try await store.save([value("old_\(round)", nil)])
            expected["same"] = [round]
            expected["new_\(round)"] = [round]
            store = try await reopen(store)
            check(try await contents(of: store) == expected, "all values after reopening \(round) times")
        }
    }
}

/// Whether the writers of a check are still at it.
private final class Writing: Sendable {
    private let over = Mutex(false)

    var isOver: Bool { over.withLock { $0 } }
    func end() { over.withLock { $0 = true } }
}
