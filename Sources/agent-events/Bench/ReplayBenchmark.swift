import AgentEvents
import AgentEventsFileLog
import Foundation

/// Measures the time to read 1000 events of one thread out of millions of others, interleaved with it.
struct ReplayBenchmark {
    static let replayed = 1000
    static let rounds = 50

    let stored: Int
    let folder: URL

    func run() async throws -> String {
        let log = FileEventLog(path: folder.appendingPathComponent("events.sqlite").path, configuration: .init())
        let line = try await withAgentRuntime(log: log) { runtime in
            let threadCount = min(5000, stored / (2 * Self.replayed))
            let threads = try await BenchThreads(count: threadCount, runtime: runtime)
            for _ in 0..<stored {
                let position = try await threads.emitNext(runtime)
                if position > 64 { try await runtime.waitForCommit(at: position - 64) }
            }
            try await runtime.flush()
            var times: [Double] = []
            var generator = SystemRandomNumberGenerator()
            for _ in 0..<Self.rounds {
                let thread = try ThreadID("t_\(Int.random(in: 0..<threadCount, using: &generator))")
                let after = UInt64.random(in: 0..<UInt64(stored / threadCount - Self.replayed), using: &generator)
                times.append(try await replay(thread, after: after, log))
            }
            times.sort()
            return BenchLine.text(
                "replay", "1000 events in \(BenchLine.milliseconds(times[times.count / 2]))",
                "median of \(Self.rounds) of \(stored) stored in \(threadCount) threads, slowest "
                    + "\(BenchLine.milliseconds(times[times.count - 1])); budget 5 ms")
        }
        try await log.close()
        return line
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
