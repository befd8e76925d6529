/// Threads with references in no chunk, the oldest first.
struct AgingQueue: Sendable {
    struct Element: Sendable {
        let slot: Int
        /// The count of events when it was added; together with the slot it tells it from a later element.
        let since: UInt64
        /// The block of its first reference.
        let block: Int64
    }

    private var elements: [Element] = []
    private var start = 0

    var first: Element? { start < elements.count ? elements[start] : nil }

    mutating func append(_ element: Element) {
        elements.append(element)
    }

    mutating func removeFirst() {
        start += 1
        guard start > 1024, start * 2 > elements.count else { return }
        elements.removeFirst(start)
        start = 0
    }
}
