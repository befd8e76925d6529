import AgentEvents

/// Threads with references in no chunk, the oldest first.
struct AgingQueue: Sendable {
    struct Element: Sendable {
        let slot: Int
        /// The count of events when it was added; together with the slot it tells it from a later element.
        let since: UInt64
        /// The block of its first reference.
        let block: Int64
    }

    private var elements = Deque<Element>()

    var first: Element? { elements.first }

    mutating func append(_ element: Element) {
        elements.append(element)
    }

    mutating func removeFirst() {
        _ = elements.popFirst()
    }
}
