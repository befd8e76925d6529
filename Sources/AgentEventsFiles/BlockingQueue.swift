internal import Dispatch

/// Does work that blocks its thread, one piece after the other, away from the threads that run tasks. Not sensitive to
/// cancellation.
package struct BlockingQueue: Sendable {
    private let queue: DispatchQueue

    package init(label: String) { queue = DispatchQueue(label: label) }

    /// Begins work at once, without a turn of any task, and does not wait for it. What is run later waits for its end.
    package func start(_ work: @escaping @Sendable () -> Void) { queue.async(execute: work) }

    package func run<Failure: Error>(_ work: @escaping @Sendable () throws(Failure) -> Void) async throws(Failure) {
        let result: Result<Void, Failure> = await withCheckedContinuation { continuation in
            queue.async {
                do throws(Failure) {
                    try work()
                    continuation.resume(returning: .success(()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        try result.get()
    }
}
