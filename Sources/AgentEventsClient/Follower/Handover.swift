internal import Synchronization

/// Hands elements from one task to another, one at a time, with no queue in between.
final class Handover<Element: Sendable>: Sendable {
    private typealias Giver = CheckedContinuation<Void, any Error>
    private typealias Taker = CheckedContinuation<Element, any Error>
    private let machine = Mutex(HandoverStateMachine<Element, Giver, Taker>())

    /// Returns when the element was taken.
    ///
    /// - Throws: `CancellationError` when either side is cancelled or has finished.
    func offer(_ element: Element) async throws {
        try await withTaskCancellationHandler {
            try Task.checkCancellation()
            try await withCheckedThrowingContinuation { (giver: Giver) in
                switch machine.withLock({ $0.offer(element, giver) }) {
                case .suspend:
                    break
                case .give(let taker, let element):
                    taker.resume(returning: element)
                    giver.resume()
                case .refuse:
                    giver.resume(throwing: CancellationError())
                }
            }
        } onCancel: {
            finish(throwing: nil)
        }
    }

    /// Returns the next element; waits for it.
    ///
    /// - Throws: what ``finish(throwing:)`` said, or `CancellationError`.
    func take() async throws -> Element {
        try await withTaskCancellationHandler {
            try Task.checkCancellation()
            return try await withCheckedThrowingContinuation { (taker: Taker) in
                switch machine.withLock({ $0.take(taker) }) {
                case .suspend:
                    break
                case .take(let element, let giver):
                    giver.resume()
                    taker.resume(returning: element)
                case .end(let error):
                    taker.resume(throwing: error ?? CancellationError())
                }
            }
        } onCancel: {
            finish(throwing: nil)
        }
    }

    /// Ends the handover for both sides.
    ///
    /// - Parameter error: what the taker gets; `nil` for a cancellation.
    func finish(throwing error: (any Error)?) {
        switch machine.withLock({ $0.finish(error) }) {
        case .none:
            break
        case .release(let giver):
            giver.resume(throwing: CancellationError())
        case .end(let taker, let error):
            taker.resume(throwing: error ?? CancellationError())
        }
    }
}
