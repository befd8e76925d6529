import AgentEvents
import AgentEventsFileLog
import Foundation

/// Measures the cost of a run of another program in a thread that had many, and the memory of such a thread.
struct EndedRunsBenchmark {
    static let few = 10
    static let many = 100_000
    static let measured = 20_000

    let folder: URL

    private struct Figures {
        var seconds: Double
        var byteCount: Int
    }

    func run() async throws -> BenchReport {
        let (few, many) = (try await figures(Self.few), try await figures(Self.many))
        return BenchReport(
            "ended runs", "\(BenchLine.microseconds(few.seconds)) a run of 3 events after \(Self.few) runs",
            "\(BenchLine.microseconds(many.seconds)) after \(Self.many), \(BenchLine.ratio(many.seconds, few.seconds)) times; "
                + "opening the thread takes \(few.byteCount / 1024) kB and \(many.byteCount / 1024) kB; budget the same",
            ["few_cpu_us": few.seconds * 1e6, "many_cpu_us": many.seconds * 1e6])
    }

    private func figures(_ count: Int) async throws -> Figures {
        let log = FileEventLog(path: folder.appendingPathComponent("\(count).sqlite").path, configuration: .init())
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_bench", thread: "t_bench")
            try await emit(0..<count, into: context, runtime)
        }
        try await log.close()
        // With the files warm and the log's own memory taken, what grows is the thread's.
        return try await withAgentRuntime(log: log) { runtime in
            _ = try await runtime.context(user: "u_bench", thread: "t_other")
            let before = ResidentMemory.ofThisProcess()
            let context = try await runtime.context(user: "u_bench", thread: "t_bench")
            let byteCount = ResidentMemory.ofThisProcess() - before
            try await emit(count..<count + 1000, into: context, runtime)
            let start = ProcessorTime.ofThisProcess()
            try await emit(count + 1000..<count + 1000 + Self.measured, into: context, runtime)
            return Figures(
                seconds: (ProcessorTime.ofThisProcess() - start) / Double(Self.measured), byteCount: byteCount)
        }
    }

    /// Emits whole runs, each event by itself.
    private func emit(_ numbers: Range<Int>, into context: ExecutionContext, _ runtime: AgentRuntime) async throws {
        for number in numbers {
            let run = try RunID("r_\(number)")
            let drafts = [
                EventDraft(runID: run, agent: "bench", .agentStarted(AgentStarted())),
                EventDraft(runID: run, .agentThinking(AgentThinking(thoughtID: "th_bench", text: "Which files?"))),
                EventDraft(runID: run, .agentCompleted(AgentCompleted(durationMilliseconds: 1))),
            ]
            for draft in drafts {
                let receipt = try await context.emit([draft], host: .outside)
                if number % 100 == 0 { try await runtime.waitForCommit(of: receipt) }
            }
        }
        try await runtime.flush()
    }
}
