import AgentEvents
import AgentEventsProtocol
import CoreMetrics

/// The metrics of the streams of a hub. The handles are made once; no label is an id.
struct StreamMetrics: Sendable {
    /// The metrics of one kind of transport.
    private struct Transport: Sendable {
        let connections: Meter
        let accepted: Counter
        let refused: Counter

        init(_ name: String, _ factory: any MetricsFactory) {
            connections = ServiceMetric.connections.meter(name, in: factory)
            accepted = ServiceMetric.connectionsTotal.counter(name, "accepted", in: factory)
            refused = ServiceMetric.connectionsTotal.counter(name, "refused", in: factory)
        }
    }

    private static let otherName = "other"
    /// The label of a stream that its client left.
    private static let goneName = "gone"

    /// By the names of framings; those of an application's own are `other`.
    private let transports: [String: Transport]
    private let otherTransports: Transport
    private let closes: [StreamCloseCode: Counter]
    private let otherCloses: Counter
    private let goneClients: Counter
    private let subscriptions: Meter
    private let sentEvents: Counter
    private let acknowledgedEvents: Counter
    private let slowReaders: Counter
    private let missedHeartbeats: Counter
    private let logReads: Counter
    private let sharedPages: Counter
    private let replays: Meter
    private let fallBehinds: Counter
    private let lag: Timer
    private let divergedResets: Counter
    private let trimmedResets: Counter
    private let unknownResets: Counter

    /// The factory of the process is `MetricsSystem.factory`.
    init(factory: any MetricsFactory = MetricsSystem.factory) {
        transports = Dictionary(
            uniqueKeysWithValues: [
                StreamFraming.webSocketName, StreamFraming.serverSentEventsName, StreamFraming.socketIOName,
                StreamFraming.lengthPrefixed.name,
            ].map { ($0, Transport($0, factory)) })
        otherTransports = Transport(Self.otherName, factory)
        closes = Dictionary(
            uniqueKeysWithValues: StreamCloseCode.all.map {
                ($0, ServiceMetric.connectionCloses.counter("\($0)", in: factory))
            })
        otherCloses = ServiceMetric.connectionCloses.counter(Self.otherName, in: factory)
        goneClients = ServiceMetric.connectionCloses.counter(Self.goneName, in: factory)
        subscriptions = ServiceMetric.subscriptions.meter(in: factory)
        sentEvents = ServiceMetric.deliveredEvents.counter(in: factory)
        acknowledgedEvents = ServiceMetric.acknowledgedEvents.counter(in: factory)
        slowReaders = ServiceMetric.slowReaders.counter(in: factory)
        missedHeartbeats = ServiceMetric.missedHeartbeats.counter(in: factory)
        logReads = ServiceMetric.replayPages.counter("log", in: factory)
        sharedPages = ServiceMetric.replayPages.counter("shared", in: factory)
        replays = ServiceMetric.replaysInProgress.meter(in: factory)
        fallBehinds = ServiceMetric.fallBehind.counter(in: factory)
        lag = ServiceMetric.deliveryLag.timer(in: factory)
        divergedResets = Self.resets(.diverged, factory)
        trimmedResets = Self.resets(.trimmed, factory)
        unknownResets = Self.resets(.unknown, factory)
    }

    private static func resets(_ reason: ResetReason, _ factory: any MetricsFactory) -> Counter {
        ServiceMetric.resets.counter(reason.rawValue, in: factory)
    }

    private func transport(_ framing: StreamFraming) -> Transport { transports[framing.name] ?? otherTransports }

    func connected(_ framing: StreamFraming) {
        transport(framing).connections.increment()
        transport(framing).accepted.increment()
    }

    func disconnected(_ framing: StreamFraming) { transport(framing).connections.decrement() }

    /// A client was refused before its stream began.
    func refused(_ framing: StreamFraming) { transport(framing).refused.increment() }

    /// The service closes a connection.
    func closed(_ code: StreamCloseCode) { (closes[code] ?? otherCloses).increment() }

    /// The client has left, or cannot be reached.
    func clientGone() { goneClients.increment() }

    func subscribed() { subscriptions.increment() }

    func unsubscribed() { subscriptions.decrement() }

    /// Events were given to connections; those that were merged into one count each.
    func sent(_ count: Int) {
        if count > 0 { sentEvents.increment(by: count) }
    }

    func acknowledged(_ count: Int) {
        if count > 0 { acknowledgedEvents.increment(by: count) }
    }

    /// Events that were committed some time ago are written to all streams of an event loop that follow them live.
    func delivered(after lag: Duration) { self.lag.record(lag) }

    /// A connection is closed because nothing was read from it.
    func recordSlowReaderClosed() { slowReaders.increment() }

    /// A connection is closed because nothing came from it.
    func recordMissedHeartbeat() { missedHeartbeats.increment() }

    /// A page is read from the log for readers that catch up.
    func recordLogRead() { logReads.increment() }

    /// A reader that catches up gets a page that was read for another.
    func recordSharedPage() { sharedPages.increment() }

    func replayBegan() { replays.increment() }

    func replayEnded() { replays.decrement() }

    /// A subscription continues from the log.
    func recordFallBehind() { fallBehinds.increment() }

    func resets(_ reason: ResetReason) {
        switch reason {
        case .diverged: divergedResets.increment()
        case .trimmed: trimmedResets.increment()
        case .unknown: unknownResets.increment()
        case .unrecognized: break
        }
    }
}

extension StreamCloseCode {
    /// Those that a service closes with.
    fileprivate static let all: [StreamCloseCode] = [
        .goingAway, .protocolError, .unsupportedData, .invalidText, .tooBig, .internalError, .protocolAbuse,
        .notAuthenticated, .forbidden, .heartbeatMissed, .limits,
    ]
}
