import AgentEvents
internal import AgentEventsProtocol

/// The elements that have arrived for the reader of one thread, in order. It is bounded: it takes elements until it is
/// full, and says when it has room again. Marks between two events (live, interrupted, reset) do not pile up.
package struct Inbox: Sendable {
    private let limits: InboxLimits
    private var elements = Deque<FollowedElement>()
    package private(set) var eventCount = 0
    package private(set) var byteCount = 0

    package init(limits: InboxLimits = InboxLimits()) { self.limits = limits }

    /// Whether no further event may be asked for.
    package var isFull: Bool { eventCount >= max(1, limits.eventCount) || byteCount >= max(1, limits.byteCount) }

    /// Whether enough was taken that it is worth asking for more.
    package var hasRoom: Bool { eventCount <= limits.eventCount / 2 && byteCount <= limits.byteCount / 2 }

    package var isEmpty: Bool { elements.isEmpty }

    package mutating func append(_ element: FollowedElement) {
        switch element {
        case .event(let event):
            eventCount += 1
            byteCount += event.bytes.count
        case .live, .interrupted:
            // Only the latest of these marks matters.
            removeLast { $0.isMomentary }
        case .reset:
            removeLast { $0.isMomentary }
            removeLast { if case .reset = $0 { true } else { false } }
        }
        elements.append(element)
    }

    private mutating func removeLast(where condition: (FollowedElement) -> Bool) {
        if let last = elements.last, condition(last) { _ = elements.popLast() }
    }

    package mutating func popFirst() -> FollowedElement? {
        // Its bytes are the reader's from now on.
        guard let element = elements.popFirst() else { return nil }
        if case .event(let event) = element {
            eventCount -= 1
            byteCount -= event.bytes.count
        }
        return element
    }
}

extension FollowedElement {
    /// Whether a later mark makes it obsolete.
    fileprivate var isMomentary: Bool {
        switch self {
        case .live, .interrupted: true
        case .event, .reset: false
        }
    }
}

/// The limits on what waits for the reader of one thread. An event beyond either limit is never held.
public struct InboxLimits: Hashable, Sendable {
    /// Default: 1024. At least 1.
    public var eventCount = 1024
    /// Default: 1 MiB. At least 1; a single event may be larger.
    public var byteCount = 1024 * 1024

    public init() {}
}
