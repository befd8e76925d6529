import AgentEvents

/// Measures the cost of one event of another program at the start of a long answer, and at its end: one `message_delta`
/// of 4 bytes an emission, as a WebSocket hands them over.
struct RemoteBenchmark {
    static let fragmentByteCount = 4
    /// One part in this number is the start, and one the end.
    static let partCount = 16

    /// The length of the answer, in bytes.
    let byteCount: Int

    func run() async throws -> BenchReport {
        var configuration = RuntimeConfiguration()
        configuration.maximumEventByteCount = 2 * byteCount + (1 << 20)
        return try await withAgentRuntime(log: DiscardingLog(), configuration: configuration) { runtime in
            let context = try await runtime.context(user: "u_bench", thread: "t_bench")
            _ = try await context.emit(
                [EventDraft(runID: "r_bench", agent: "bench", .agentStarted(AgentStarted()))], host: .outside)
            let delta = MessageDelta(messageID: "m_bench", text: String(repeating: "x", count: Self.fragmentByteCount))
            let draft = EventDraft(runID: "r_bench", .messageDelta(delta))
            let count = byteCount / Self.fragmentByteCount / Self.partCount
            var costs: [Double] = []
            for _ in 0..<Self.partCount {
                let start = ProcessorTime.ofThisProcess()
                for _ in 0..<count { _ = try await context.emit([draft], host: .outside) }
                costs.append((ProcessorTime.ofThisProcess() - start) / Double(count))
            }
            let (first, last) = (costs[0], costs[costs.count - 1])
            return BenchReport(
                "remote", "\(BenchLine.microseconds(first)) an event at the start of \(byteCount) bytes",
                "\(BenchLine.microseconds(last)) at the end, \(BenchLine.ratio(last, first)) times; budget the same",
                ["answer_bytes": Double(byteCount), "first_cpu_us": first * 1e6, "last_cpu_us": last * 1e6])
        }
    }
}
