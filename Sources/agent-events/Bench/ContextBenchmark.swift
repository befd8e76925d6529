import AgentEvents

/// Measures the memory of an idle context.
struct ContextBenchmark {
    static let count = 100_000

    func run() async throws -> String {
        var configuration = RuntimeConfiguration()
        configuration.maximumIdleContexts = 4 * Self.count
        return try await withAgentRuntime(log: InMemoryEventLog(), configuration: configuration) { runtime in
            var contexts: [ExecutionContext] = []
            contexts.reserveCapacity(Self.count)
            let before = ResidentMemory.ofThisProcess()
            for number in 0..<Self.count {
                contexts.append(try await runtime.context(user: "u_bench", thread: ThreadID("t_\(number)")))
            }
            let grown = ResidentMemory.ofThisProcess() - before
            return BenchLine.text(
                "idle context", "\(grown / contexts.count) bytes", "resident memory per context; budget 1 kB")
        }
    }
}
