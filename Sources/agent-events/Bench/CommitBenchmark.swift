import AgentEvents
import AgentEventsFileLog
import Foundation

/// Measures the rate at which events are committed to files, with 64 appends in flight over 5000 threads: the whole way
/// from a context to the commit.
struct CommitBenchmark {
    static let inFlight: UInt64 = 64
    static let threadCount = 5000

    let seconds: Double
    let durability: FileEventLog.Durability
    let folder: URL

    func run() async throws -> BenchReport {
        var configuration = FileEventLog.Configuration()
        configuration.durability = durability
        let log = FileEventLog(
            path: folder.appendingPathComponent("events.sqlite").path, configuration: configuration)
        let report = try await withAgentRuntime(log: log) { runtime in
            let threads = try await BenchThreads(count: Self.threadCount, runtime: runtime)
            let processorStart = ProcessorTime.ofThisProcess()
            let clock = ContinuousClock()
            let start = clock.now
            var count = 0
            while start.duration(to: clock.now) < .seconds(seconds) {
                for _ in 0..<1000 {
                    let position = try await threads.emitNext(runtime)
                    count += 1
                    if position > Self.inFlight { try await runtime.waitForCommit(at: position - Self.inFlight) }
                }
            }
            try await runtime.flush()
            let elapsed = start.duration(to: clock.now).inSeconds
            let processor = ProcessorTime.ofThisProcess() - processorStart
            let budget = durability == .process ? "350 k/s" : "280 k/s"
            return BenchReport(
                "commit, \(durability.rawValue)", "\(BenchLine.rate(count, elapsed)) events/s with 64 in flight",
                "\(BenchLine.rate(count, processor)) per CPU second; budget \(budget)",
                ["events_per_s": Double(count) / elapsed, "cpu_us": processor / Double(count) * 1e6])
        }
        try await log.close()
        return report
    }
}
