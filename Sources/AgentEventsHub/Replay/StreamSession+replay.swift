import AgentEvents
import Logging
import NIOCore

/// Replays are read one page at a time, the subscriptions of a connection in turn, and so are the connections of an event
/// loop.
extension StreamSession {
    func wantsToRead(_ subscription: StreamSubscription) { replays.append(subscription) }

    private var mayRead: Bool { !isEnded && isWritable && !replays.isEmpty && snapshotWrites.isEmpty }

    func readNext() {
        guard replays.turn == .none, mayRead else { return }
        guard loop.onLoop.requestTurn(self) else {
            replays.turn = .waiting
            return
        }
        if !startReading() { loop.onLoop.endTurn() }
    }

    /// The session's turn has come.
    ///
    /// - Returns: whether it has a use for it.
    func turnCame() -> Bool {
        replays.turn = .none
        return mayRead && startReading()
    }

    private func startReading() -> Bool {
        guard let (subscription, after) = replays.next() else { return false }
        replays.turn = .reading
        let job = PageRead(
            thread: subscription.thread, after: after, merges: subscription.merges,
            snapshots: subscription.takesSnapshots ? services.snapshots : nil, pages: services.pages)
        let session = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let reader = NIOLoopBound(subscription, eventLoop: loop.eventLoop)
        let eventLoop = loop.eventLoop
        services.readers.submit {
            let outcome = await job.run()
            eventLoop.execute { session.value.didRead(reader.value, outcome) }
        }
        return true
    }

    private func didRead(_ subscription: StreamSubscription, _ outcome: Result<PageRead.Page, EventLogError>) {
        replays.turn = .none
        // Those who wait go first.
        loop.onLoop.endTurn()
        guard !isEnded else { return }
        // Nobody waits for the page of a subscription that has ended meanwhile, nor for its failure.
        guard has(subscription) else {
            readNext()
            return flush()
        }
        switch outcome {
        case .success(let page):
            services.metrics.sent(subscription.didRead(page))
            readNext()
            flush()
        case .failure(let error):
            // Nothing can be promised about this thread any more; the client comes back with its cursor.
            services.logger.error("page not read", metadata: ["error.code": "\(error.code)"])
            close(.internalError, reason: error.message)
        }
    }
}
