internal import AgentEventsFiles

/// Does work that blocks its thread away from the threads that serve connections and tasks.
enum BlockingWork {
    private static let executor = BlockingExecutor(label: "agent-events.blocking", width: nil)

    static func run<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await executor.run(work)
    }
}
