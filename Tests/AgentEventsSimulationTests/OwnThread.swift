import AgentEventsFiles
import Testing

/// Runs the tests of a suite on a thread of their own, one after another: a simulated world computes for seconds without
/// suspending, and on the threads that all tests share it would keep the clients of real services waiting.
struct OwnThread: SuiteTrait, TestTrait, TestScoping {
    private static let executor = BlockingExecutor(label: "simulation")

    var isRecursive: Bool { true }

    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        try await withTaskExecutorPreference(Self.executor) { try await function() }
    }
}

extension Trait where Self == OwnThread {
    static var ownThread: OwnThread { OwnThread() }
}
