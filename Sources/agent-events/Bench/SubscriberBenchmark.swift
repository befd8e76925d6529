import AgentEvents
import AgentEventsHub

/// Measures what an event costs that a number of subscribers follow, one event a commit: nothing is there to be coalesced.
struct SubscriberBenchmark {
    let count: Int
    let seconds: Double

    func run() async throws -> BenchReport {
        var result: BenchReport?
        try await BenchHub.with(log: InMemoryEventLog()) { hub, eventLoop in
            let sessions = CountingSessions(hub, on: eventLoop)
            try await sessions.open(count: count)
            try await sessions.sendToAll(
                CountingSessions.subscribe(to: BenchRequest.thread, after: "now"), awaitingLives: count)
            let context = try await hub.runtime.context(user: "u_bench", thread: BenchRequest.thread)
            let draft = BenchEvent.thinking(run: "r_bench", thread: BenchRequest.thread)
            try await sessions.countWrites(by: count)
            try await context.emit(EventDraft(runID: "r_bench", agent: "bench", .agentStarted(AgentStarted())))
            await sessions.waitForWrites()
            let clock = ContinuousClock()
            let processorStart = ProcessorTime.ofThisProcess()
            let start = clock.now
            var events = 0
            while start.duration(to: clock.now) < .seconds(seconds) {
                try await context.emit(draft)
                await sessions.waitForWrites()
                events += 1
            }
            let cost = (ProcessorTime.ofThisProcess() - processorStart) / Double(events)
            result = BenchReport(
                "subscribers", "\(BenchLine.microseconds(cost)) an event to \(count), without sockets",
                "\(BenchLine.microseconds(cost / Double(count))) for each of them",
                ["subscribers": Double(count), "cpu_us": cost * 1e6, "each_cpu_us": cost / Double(count) * 1e6])
        }
        guard let result else { preconditionFailure("the hub runs the body, or throws") }
        return result
    }
}
