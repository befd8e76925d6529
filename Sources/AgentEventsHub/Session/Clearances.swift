/// The subscriptions of a connection whose rights are to be asked for. Confined to the event loop.
final class Clearances {
    private var waiting: [StreamSubscription] = []
    /// Those for which there was no answer.
    private var failed: [StreamSubscription] = []

    var hasWaiting: Bool { !waiting.isEmpty }

    func append(_ subscription: StreamSubscription) { waiting.append(subscription) }

    func appendFailed(_ subscription: StreamSubscription) { failed.append(subscription) }

    /// Those that are to be asked for now.
    func takeWaiting() -> [StreamSubscription] {
        guard !waiting.isEmpty else { return [] }
        defer { waiting = [] }
        return waiting
    }

    /// Those for which it is tried again.
    func takeFailed() -> [StreamSubscription] {
        guard !failed.isEmpty else { return [] }
        defer { failed = [] }
        return failed
    }

    func remove(_ subscription: StreamSubscription) {
        waiting.removeAll { $0 === subscription }
        failed.removeAll { $0 === subscription }
    }

    func removeAll() {
        waiting = []
        failed = []
    }
}
