/// The subscriptions of a connection that catch up and want to read a page, in the order of their turns. Confined to
/// the event loop.
struct Replays {
    /// The state of the connection's turn to read.
    enum Turn {
        case none
        /// It asked for one.
        case waiting
        /// It has one: a page is on its way, or the look-up of a place with the first page.
        case reading
    }

    var turn = Turn.none
    private var subscriptions: [StreamSubscription] = []

    var isEmpty: Bool { subscriptions.isEmpty }

    mutating func append(_ subscription: StreamSubscription) {
        if !subscriptions.contains(where: { $0 === subscription }) { subscriptions.append(subscription) }
    }

    mutating func remove(_ subscription: StreamSubscription) { subscriptions.removeAll { $0 === subscription } }

    mutating func removeAll() { subscriptions = [] }

    /// The next subscription to ask whether it reads.
    mutating func takeFirst() -> StreamSubscription? { subscriptions.isEmpty ? nil : subscriptions.removeFirst() }
}
