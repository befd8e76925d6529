import AgentEvents

/// Measures the rate at which one task makes events: state machine, number, encoding, hand-over to the log.
struct EmitBenchmark {
    let seconds: Double
    /// The length of the text of each event, in bytes; `nil` for events of 200 bytes in all.
    var textByteCount: Int?

    func run() async throws -> BenchReport {
        try await withAgentRuntime(log: DiscardingLog()) { runtime in
            let context = try await runtime.context(user: "u_bench", thread: "t_bench")
            try await context.emit(EventDraft(runID: "r_bench", agent: "bench", .agentStarted(AgentStarted())))
            let draft = BenchEvent.thinking(
                run: "r_bench", thread: "t_bench", textByteCount: textByteCount)
            let clock = ContinuousClock()
            let processorStart = ProcessorTime.ofThisProcess()
            let start = clock.now
            var count = 0
            while start.duration(to: clock.now) < .seconds(seconds) {
                for _ in 0..<10_000 { try await context.emit(draft) }
                count += 10_000
            }
            let elapsed = start.duration(to: clock.now).inSeconds
            let processor = ProcessorTime.ofThisProcess() - processorStart
            return BenchReport(
                "emit", "\(BenchLine.rate(count, elapsed)) events/s from one task",
                "\(BenchLine.rate(count, processor)) per CPU second with the writer's share; budget 1.5 M/s per core",
                [
                    "text_bytes": Double(textByteCount ?? 0), "events_per_s": Double(count) / elapsed,
                    "cpu_us": processor / Double(count) * 1e6,
                ])
        }
    }
}
