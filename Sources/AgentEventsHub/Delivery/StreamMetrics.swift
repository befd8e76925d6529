import AgentEvents
import CoreMetrics

/// The metrics of the streams of a hub. The handles are made once; no label is an id.
struct StreamMetrics: Sendable {
    private let connections: Meter
    private let subscriptions: Meter
    private let sentEvents: Counter
    private let acknowledgedEvents: Counter
    private let slowReaders: Counter
    private let missedHeartbeats: Counter
    private let logReads: Counter
    private let sharedPages: Counter
    private let divergedResets: Counter
    private let trimmedResets: Counter
    private let unknownResets: Counter

    /// The factory of the process is `MetricsSystem.factory`.
    init(factory: any MetricsFactory = MetricsSystem.factory) {
        connections = Meter(label: "agent_events_connections", factory: factory)
        subscriptions = Meter(label: "agent_events_subscriptions", factory: factory)
        sentEvents = Counter(label: "agent_events_sent_total", factory: factory)
        acknowledgedEvents = Counter(label: "agent_events_acknowledged_total", factory: factory)
        slowReaders = Counter(label: "agent_events_slow_readers_total", factory: factory)
        missedHeartbeats = Counter(label: "agent_events_missed_heartbeats_total", factory: factory)
        logReads = Counter(label: "agent_events_page_reads_total", factory: factory)
        sharedPages = Counter(label: "agent_events_shared_pages_total", factory: factory)
        divergedResets = Self.resets(.diverged, factory)
        trimmedResets = Self.resets(.trimmed, factory)
        unknownResets = Self.resets(.unknown, factory)
    }

    private static func resets(_ reason: ResetReason, _ factory: any MetricsFactory) -> Counter {
        Counter(label: "agent_events_resets_total", dimensions: [("reason", reason.rawValue)], factory: factory)
    }

    func connected() { connections.increment() }

    func disconnected() { connections.decrement() }

    func subscribed() { subscriptions.increment() }

    func unsubscribed() { subscriptions.decrement() }

    /// Events were given to connections; those that were merged into one count each.
    func sent(_ count: Int) {
        if count > 0 { sentEvents.increment(by: count) }
    }

    func acknowledged(_ count: Int) {
        if count > 0 { acknowledgedEvents.increment(by: count) }
    }

    /// A connection is closed because nothing was read from it.
    func recordSlowReaderClosed() { slowReaders.increment() }

    /// A connection is closed because nothing came from it.
    func recordMissedHeartbeat() { missedHeartbeats.increment() }

    /// A page is read from the log for readers that catch up.
    func recordLogRead() { logReads.increment() }

    /// A reader that catches up gets a page that was read for another.
    func recordSharedPage() { sharedPages.increment() }

    func resets(_ reason: ResetReason) {
        switch reason {
        case .diverged: divergedResets.increment()
        case .trimmed: trimmedResets.increment()
        case .unknown: unknownResets.increment()
        case .unrecognized: break
        }
    }
}
