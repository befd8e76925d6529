import Synchronization

/// Tells that something is decided in a runtime: it looks at the clock when it begins to, and nothing comes in between.
final class DecisionNotice: Sendable {
    private let waiters = Mutex<[Wait]>([])

    /// One wait, from when it was made.
    final class Wait: Sendable {
        private let stream: AsyncStream<Void>
        fileprivate let continuation: AsyncStream<Void>.Continuation

        fileprivate init() { (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1)) }

        func value() async {
            for await _ in stream { return }
        }
    }

    func next() -> Wait {
        let wait = Wait()
        waiters.withLock { $0.append(wait) }
        return wait
    }

    func give() {
        let waiting = waiters.withLock { waiters in
            defer { waiters = [] }
            return waiters
        }
        for wait in waiting { wait.continuation.yield() }
    }
}
