import AgentEvents
import AgentEventsFileLog
import Foundation

/// Measures the time to read 1000 events of one thread out of millions of others, interleaved with it.
struct ReplayBenchmark {
    static let replayed = 1000
    static let rounds = 50

    let stored: Int
    let folder: URL

    func run() async throws -> BenchReport {
        let log = FileEventLog(path: folder.appendingPathComponent("events.sqlite").path, configuration: .init())
        let report = try await withAgentRuntime(log: log) { runtime in
            let threadCount = min(5000, stored / (2 * Self.replayed))
            let threads = try await BenchThreads(count: threadCount, runtime: runtime)
            let first = try await store(stored - stored / 10, threads, runtime)
            // Whatever grows with what is there would show here.
            let last = try await store(stored / 10, threads, runtime)
            var times: [Double] = []
            var generator = SystemRandomNumberGenerator()
            for _ in 0..<Self.rounds {
                let thread = try ThreadID("t_\(Int.random(in: 0..<threadCount, using: &generator))")
                let after = UInt64.random(in: 0..<UInt64(stored / threadCount - Self.replayed), using: &generator)
                times.append(try await replay(thread, after: after, log))
            }
            times.sort()
            let median = times[times.count / 2]
            return BenchReport(
                "replay", "1000 events in \(BenchLine.milliseconds(median))",
                "median of \(Self.rounds) of \(stored) stored in \(threadCount) threads, slowest "
                    + "\(BenchLine.milliseconds(times[times.count - 1])); budget 5 ms; storing took "
                    + "\(BenchLine.microseconds(first)), and \(BenchLine.microseconds(last)) for the last tenth",
                [
                    "stored": Double(stored), "replay_ms": median * 1000, "slowest_ms": times[times.count - 1] * 1000,
                    "append_cpu_us": last * 1e6,
                ])
        }
        try await log.close()
        return report
    }

    /// - Returns: the processor time of one, in seconds.
    private func store(_ count: Int, _ threads: BenchThreads, _ runtime: AgentRuntime) async throws -> Double {
        let start = ProcessorTime.ofThisProcess()
        for _ in 0..<count {
            let position = try await threads.emitNext(runtime)
            if position > 64 { try await runtime.waitForCommit(at: position - 64) }
        }
        try await runtime.flush()
        return (ProcessorTime.ofThisProcess() - start) / Double(count)
    }

    private func replay(_ thread: ThreadID, after: UInt64, _ log: FileEventLog) async throws -> Double {
        let clock = ContinuousClock()
        let start = clock.now
        let page = try await log.read(
            LogRead(.thread(thread, after: after), maximumCount: Self.replayed, maximumByteCount: .max))
        let elapsed = start.duration(to: clock.now).inSeconds
        guard page.events.map(\.id.sequence) == Array(after + 1...after + UInt64(Self.replayed)) else {
            throw EventLogError(.corrupt, "the replay of \(thread) after \(after) is not dense")
        }
        return elapsed
    }
}
