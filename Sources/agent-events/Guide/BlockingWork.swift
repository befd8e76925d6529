internal import Dispatch

/// Does work that blocks its thread away from the threads that serve connections and tasks.
enum BlockingWork {
    private static let queue = DispatchQueue(label: "agent-events.blocking", attributes: .concurrent)

    static func run<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Swift.Result(catching: work)) }
        }
    }
}
