internal import AgentEventsProtocol

/// What has arrived for the reader of one thread, in order, and bounded: it takes elements until it is full, and says
/// when it has room again. Marks between two events (live, interrupted, reset) do not pile up.
package struct Inbox: Sendable {
    private let limits: InboxLimits
    private var elements: [FollowedElement] = []
    private var first = 0
    package private(set) var eventCount = 0
    package private(set) var byteCount = 0

    package init(limits: InboxLimits = InboxLimits()) { self.limits = limits }

    /// Whether no further event is to be asked for.
    package var isFull: Bool { eventCount >= max(1, limits.eventCount) || byteCount >= max(1, limits.byteCount) }

    /// Whether so much was taken that it is worth asking for more.
    package var hasRoom: Bool { eventCount <= limits.eventCount / 2 && byteCount <= limits.byteCount / 2 }

    package var isEmpty: Bool { first == elements.count }

    package mutating func append(_ element: FollowedElement) {
        switch element {
        case .event(let event):
            eventCount += 1
            byteCount += event.bytes.count
        case .live, .interrupted:
            // Only how things stand now is news.
            removeLast { $0.isMomentary }
        case .reset:
            removeLast { $0.isMomentary }
            removeLast { if case .reset = $0 { true } else { false } }
        }
        elements.append(element)
    }

    private mutating func removeLast(where condition: (FollowedElement) -> Bool) {
        if elements.count > first, let last = elements.last, condition(last) { elements.removeLast() }
    }

    package mutating func popFirst() -> FollowedElement? {
        guard first < elements.count else { return nil }
        let element = elements[first]
        // Its bytes are the reader's from now on.
        elements[first] = .live(nil)
        first += 1
        if first == elements.count {
            elements.removeAll(keepingCapacity: true)
            first = 0
        } else if first >= 64, first * 2 >= elements.count {
            elements.removeFirst(first)
            first = 0
        }
        if case .event(let event) = element {
            eventCount -= 1
            byteCount -= event.bytes.count
        }
        return element
    }
}

extension FollowedElement {
    /// Whether it says how things stand, and is void when they stand differently.
    fileprivate var isMomentary: Bool {
        switch self {
        case .live, .interrupted: true
        case .event, .reset: false
        }
    }
}
