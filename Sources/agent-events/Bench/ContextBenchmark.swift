import AgentEvents

/// Measures an idle context: its memory, the processor time in which it is opened, and that in which one is built from the log again.
struct ContextBenchmark {
    let count: Int

    func run() async throws -> BenchReport {
        var configuration = RuntimeConfiguration()
        configuration.maximumIdleContexts = 4 * count
        let (byteCount, opening) = try await withAgentRuntime(log: InMemoryEventLog(), configuration: configuration) {
            try await open($0)
        }
        let log = InMemoryEventLog()
        try await withAgentRuntime(log: log, configuration: configuration) { runtime in
            for number in 0..<count {
                let context = try await runtime.context(user: "u_bench", thread: ThreadID("t_\(number)"))
                _ = try await context.emit([
                    EventDraft(runID: "r_bench", agent: "bench", .agentStarted(AgentStarted())),
                    EventDraft(runID: "r_bench", .agentCompleted(AgentCompleted(durationMilliseconds: 1))),
                ])
            }
            try await runtime.flush()
        }
        log.close()
        let (_, rebuilding) = try await withAgentRuntime(log: log, configuration: configuration) {
            try await open($0)
        }
        return BenchReport(
            "idle context", "\(Int(byteCount)) bytes",
            "resident memory of each of \(count); budget 0.8 kB; opened in \(BenchLine.microseconds(opening)), built from the "
                + "log in \(BenchLine.microseconds(rebuilding))",
            [
                "contexts": Double(count), "bytes": byteCount, "open_cpu_us": opening * 1e6,
                "rebuild_cpu_us": rebuilding * 1e6,
            ])
    }

    /// - Returns: the memory and the processor time of each.
    private func open(_ runtime: AgentRuntime) async throws -> (bytes: Double, seconds: Double) {
        var contexts: [ExecutionContext] = []
        contexts.reserveCapacity(count)
        let before = ResidentMemory.ofThisProcess()
        let start = ProcessorTime.ofThisProcess()
        for number in 0..<count {
            contexts.append(try await runtime.context(user: "u_bench", thread: ThreadID("t_\(number)")))
        }
        let seconds = ProcessorTime.ofThisProcess() - start
        let grown = ResidentMemory.ofThisProcess() - before
        return (Double(grown) / Double(contexts.count), seconds / Double(count))
    }
}
