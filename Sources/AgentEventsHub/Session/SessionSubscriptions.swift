import AgentEvents
import AgentEventsProtocol

/// The subscriptions of one connection. Confined to its event loop.
struct SessionSubscriptions {
    private var threads = SmallDictionary<ThreadID, Place>()
    private var nextNumber: UInt64 = 0

    /// A subscription, and its number in the order in which they came.
    private struct Place {
        let number: UInt64
        let subscription: StreamSubscription
    }

    /// In the order in which they came. To be asked for rarely.
    var all: [StreamSubscription] { threads.values.sorted { $0.number < $1.number }.map(\.subscription) }

    /// - Returns: `nil` when the connection does not follow the thread.
    func find(_ thread: ThreadID) -> StreamSubscription? { threads[thread]?.subscription }

    /// Whether the subscription has not ended.
    func contains(_ subscription: StreamSubscription) -> Bool { find(subscription.thread) === subscription }

    /// Whether a subscription may begin.
    ///
    /// - Parameters:
    ///   - isTaken: whether the connection takes subscriptions at all.
    ///   - exceedsLimit: whether it would be one too many.
    func check(
        _ request: SubscribeRequest,
        by principal: Principal,
        isTaken: Bool,
        exceedsLimit: Bool,
        _ services: SessionServices
    ) throws(ProtocolError) {
        let thread = request.thread
        try ThreadAccess.checkScope(of: principal, for: .read, in: thread)
        guard isTaken else { throw .stopsSubscriptions(to: thread) }
        guard find(thread) == nil else {
            throw ProtocolError(
                .subscriptionExists, "this connection follows \(thread) already; unsubscribe first to start elsewhere",
                threadID: thread)
        }
        guard !exceedsLimit else {
            throw ProtocolError(
                .tooManySubscriptions,
                "a connection follows at most \(services.limits.maximumSubscriptions) threads; unsubscribe from one, or "
                    + "open another connection", threadID: thread)
        }
        guard request.consumer == nil || services.consumers != nil else {
            throw ProtocolError(
                .consumerUnsupported,
                "this service stores no acknowledgements: subscribe without consumer, with a cursor of your own",
                path: "$.consumer", threadID: thread)
        }
    }

    /// A subscription begins. Its place is looked up after this: first listen, then look up, so that what is committed in
    /// between reaches the loop.
    mutating func add(
        _ request: SubscribeRequest,
        _ feed: ThreadFeed,
        of session: StreamSession,
        on loop: LoopDelivery,
        _ services: SessionServices
    ) -> StreamSubscription {
        let part = loop.state.thread(feed)
        let subscription = StreamSubscription(request, feed, loopThread: part.thread, session: session)
        part.thread.add(subscription)
        threads[request.thread] = Place(number: nextNumber, subscription: subscription)
        nextNumber += 1
        services.metrics.subscribed()
        if part.isNew { part.thread.startListening(after: services.delivery.listen(to: feed, on: loop)) }
        return subscription
    }

    mutating func remove(_ subscription: StreamSubscription, on loop: LoopDelivery, _ services: SessionServices) {
        guard contains(subscription) else { return }
        threads[subscription.thread] = nil
        Self.end(subscription, on: loop, services)
    }

    /// Those that the credentials of now do not allow any longer.
    var forbidden: [StreamSubscription] { all.filter(\.isForbidden) }

    /// The connection is gone.
    mutating func removeAll(on loop: LoopDelivery, _ services: SessionServices) {
        let all = all
        threads = SmallDictionary()
        for subscription in all { Self.end(subscription, on: loop, services) }
    }

    private static func end(_ subscription: StreamSubscription, on loop: LoopDelivery, _ services: SessionServices) {
        subscription.end()
        services.metrics.unsubscribed()
        if subscription.isAttached, let key = subscription.consumerKey { services.consumers?.detach(key) }
        if loop.state.remove(subscription) { services.delivery.stopListening(to: subscription.feed, on: loop) }
    }

    /// The client has handled everything of a thread up to a cursor.
    func acknowledge(_ thread: ThreadID, _ cursor: Cursor, _ services: SessionServices) throws(ProtocolError) {
        guard let subscription = find(thread) else { throw Self.unknown(thread) }
        let before = subscription.acknowledgedSequence
        let action = try subscription.acknowledge(cursor) { () throws(ProtocolError) in
            guard let key = subscription.consumerKey, let consumers = services.consumers else { return }
            guard consumers.acknowledge(key, cursor) else {
                throw ProtocolError(
                    .acknowledgementNotStored, "acknowledgements cannot be stored at the moment; try again later",
                    isRetryable: true, threadID: thread)
            }
        }
        switch action {
        case .none: break
        case .accept:
            services.metrics.acknowledged(Int(clamping: Int64(cursor.sequence) - Int64(before)))
        case .rejectNotSent:
            throw ProtocolError(
                .acknowledgementNotSent, "the event \(cursor) was not sent on this connection: acknowledge what was",
                path: "$.cursor", threadID: thread)
        }
    }

    static func unknown(_ thread: ThreadID) -> ProtocolError {
        ProtocolError(.subscriptionUnknown, "this connection does not follow \(thread)", threadID: thread)
    }
}
