package import CoreMetrics

/// A metric of a hub or of a service around it: its name, and what it says. No label is an id, and each has few values.
public struct ServiceMetric: Hashable, Sendable {
    /// The kinds of metrics.
    @nonexhaustive
    public enum Kind: String, Sendable {
        /// Only grows.
        case counter
        /// Goes up and down.
        case gauge
        /// Counts values by their size; times are in seconds.
        case histogram
    }

    /// The name, as Prometheus has it.
    public let name: String
    public let kind: Kind
    /// The names of the labels.
    public let labels: [String]
    /// One sentence that explains it.
    public let help: String

    /// - Parameter name: without the prefix that all have.
    package init(_ kind: Kind, _ name: String, _ labels: [String], _ help: String) {
        self.name = "agent_events_\(name)"
        self.kind = kind
        self.labels = labels
        self.help = help
    }

    private init(_ kind: Kind, _ name: String, _ help: String) { self.init(kind, name, [], help) }

    /// The explanations of all metrics by their names, for an exporter.
    public static var help: [String: String] {
        Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0.help) })
    }

    // MARK: Connections

    public static let connections = ServiceMetric(
        .gauge, "connections", ["transport"], "Streams that are open.")
    public static let connectionsTotal = ServiceMetric(
        .counter, "connections_total", ["transport", "outcome"],
        "Streams that clients asked for: accepted, or refused before they began.")
    public static let connectionCloses = ServiceMetric(
        .counter, "connection_closes_total", ["code"],
        "Streams that have ended, by the code that the service closed them with; gone: the client left first.")
    public static let slowReaders = ServiceMetric(
        .counter, "slow_readers_total", "Streams that were closed because their clients took nothing.")
    public static let missedHeartbeats = ServiceMetric(
        .counter, "missed_heartbeats_total", "Streams that were closed because nothing came from their clients.")
    public static let authentications = ServiceMetric(
        .counter, "auth_total", ["outcome", "reason"],
        "Requests and upgrades by whether their credentials counted, and why not.")
    public static let authenticationDuration = ServiceMetric(
        .histogram, "auth_duration_seconds", "How long it took to check credentials.")

    public static let keySetAge = ServiceMetric(
        .gauge, "jwks_age_seconds", "How long ago the keys of tokens were fetched, where they come from an address.")
    public static let limitHits = ServiceMetric(
        .counter, "limit_hits_total", ["limit", "action"], "What exceeded a limit, and what became of it.")
    public static let requestFailures = ServiceMetric(
        .counter, "request_failures_total", ["reason"],
        "Connections that ended without a whole request: silent, late, not HTTP, or gone before they were looked at.")
    public static let refusedProxyHeaders = ServiceMetric(
        .counter, "proxy_header_refusals_total",
        "Connections that were closed for their header of the PROXY protocol: missing, wrong, or not to be believed.")
    public static let ignoredForwards = ServiceMetric(
        .counter, "forwarded_ignored_total", "Requests that told of a client, and did not come from a trusted proxy.")
    public static let failedHandshakes = ServiceMetric(
        .counter, "tls_handshake_failures_total", "Connections that ended before their TLS handshake did.")
    public static let certificateExpiry = ServiceMetric(
        .gauge, "certificate_expiry_timestamp_seconds",
        "When the certificate in use is no longer valid, in seconds since 1970.")
    public static let reloadFailures = ServiceMetric(
        .counter, "reload_failures_total",
        "Times that settings, or a file that they name, were refused, and the old ones kept.")

    // MARK: Events

    public static let commits = ServiceMetric(.counter, "commits_total", "Commits to the log, of one or many events.")
    public static let committedEvents = ServiceMetric(
        .counter, "events_committed_total", ["type"], "Events that were committed to the log.")
    public static let commitDuration = ServiceMetric(
        .histogram, "commit_duration_seconds", "How long the log took for a commit.")
    public static let subscriptions = ServiceMetric(.gauge, "subscriptions", "Threads that streams follow.")
    public static let deliveredEvents = ServiceMetric(
        .counter, "events_delivered_total", "Events that were written to streams, live or from the log.")
    public static let acknowledgedEvents = ServiceMetric(
        .counter, "acknowledged_total", "Events that clients have acknowledged.")
    public static let deliveryLag = ServiceMetric(
        .histogram, "delivery_lag_seconds",
        "From the commit of events until an event loop had written them to all that follow their threads live.")
    public static let fallBehind = ServiceMetric(
        .counter, "fall_behind_total", "Subscriptions that could not be written to, and continue from the log.")
    public static let replayPages = ServiceMetric(
        .counter, "replay_pages_total", ["source"],
        "Pages of events for streams that catch up: read from the log, or shared with another stream.")
    public static let replaysInProgress = ServiceMetric(
        .gauge, "replays_in_progress", "Pages that are being read for streams that catch up.")
    public static let resets = ServiceMetric(
        .counter, "resets_total", ["reason"], "Cursors from which no stream could continue.")

    // MARK: HTTP

    public static let requests = ServiceMetric(
        .counter, "http_requests_total", ["route", "method", "status"], "HTTP requests that were answered.")
    public static let requestDuration = ServiceMetric(
        .histogram, "http_request_duration_seconds", ["route"], "How long HTTP requests took until their answer.")

    // MARK: Runs, log and sinks

    public static let activeRuns = ServiceMetric(.gauge, "runs_active", "Agents that work in this process.")
    public static let stuckAgents = ServiceMetric(
        .gauge, "agents_stuck", "Agents that still work although their runs have ended.")
    public static let ready = ServiceMetric(
        .gauge, "ready", "1 while the service takes requests; 0 while it starts or stops.")
    public static let logSize = ServiceMetric(.gauge, "log_bytes", "Bytes of events in the log.")
    public static let flushDuration = ServiceMetric(
        .histogram, "log_fsync_duration_seconds", "How long it took to flush the log to the disk.")
    public static let sinkAttempts = ServiceMetric(
        .counter, "sink_attempts_total", ["sink", "outcome"], "Batches that a sink was given: taken, or refused.")
    public static let sinkRefusals = ServiceMetric(
        .counter, "sink_refused_total", ["sink", "answer"], "Refusals of a sink, by the answer of its receiver.")
    public static let sinkEvents = ServiceMetric(
        .counter, "sink_received_events_total", ["sink"], "Events that a sink has taken.")
    public static let sinkDeadLetters = ServiceMetric(
        .counter, "sink_dead_letters_total", ["sink"], "Events that a sink refused for good, and that were set aside.")
    public static let sinkDiverged = ServiceMetric(
        .counter, "sink_diverged_total", ["sink"], "Times that the log had lost events which the sink has.")
    public static let sinkPendingCommits = ServiceMetric(
        .gauge, "sink_pending_commits", ["sink"], "Commits that wait for a sink.")
    public static let sinkCondition = ServiceMetric(
        .gauge, "sink_condition", ["sink", "condition"],
        "1 for the condition that a sink is in: working, retrying, failed or stopped.")

    // MARK: Traces

    public static let traceSpans = ServiceMetric(
        .counter, "trace_spans_total", ["outcome"],
        "Spans of runs and tool calls: sent, rejected by the collector, or dropped because too many waited.")
    public static let traceRequests = ServiceMetric(
        .counter, "trace_requests_total", ["outcome"],
        "Requests to the collector of spans: taken, refused for good, or failed and sent again.")
    public static let waitingSpans = ServiceMetric(
        .gauge, "trace_spans_waiting", "Spans that are not sent yet.")

    /// All of them.
    public static let all = [
        connections, connectionsTotal, connectionCloses, slowReaders, missedHeartbeats, authentications,
        authenticationDuration, commits, committedEvents, commitDuration, subscriptions, deliveredEvents,
        acknowledgedEvents, deliveryLag, fallBehind, replayPages, replaysInProgress, resets, requests, requestDuration,
        activeRuns, stuckAgents, ready, logSize, flushDuration, sinkAttempts, sinkRefusals, sinkEvents, sinkDeadLetters,
        sinkDiverged, sinkPendingCommits, sinkCondition, limitHits, refusedProxyHeaders, ignoredForwards,
        failedHandshakes, certificateExpiry, reloadFailures, keySetAge, requestFailures,
        traceSpans, traceRequests, waitingSpans,
    ]

    // MARK: Making

    private func dimensions(_ values: [String]) -> [(String, String)] {
        precondition(values.count == labels.count, "\(name) has the labels \(labels)")
        return Array(zip(labels, values))
    }

    /// - Parameter values: those of the labels, in their order.
    package func counter(_ values: String..., in factory: any MetricsFactory) -> Counter {
        precondition(kind == .counter, "\(name) is a \(kind)")
        return Counter(label: name, dimensions: dimensions(values), factory: factory)
    }

    package func meter(_ values: String..., in factory: any MetricsFactory) -> Meter {
        precondition(kind == .gauge, "\(name) is a \(kind)")
        return Meter(label: name, dimensions: dimensions(values), factory: factory)
    }

    package func timer(_ values: String..., in factory: any MetricsFactory) -> Timer {
        precondition(kind == .histogram, "\(name) is a \(kind)")
        return Timer(label: name, dimensions: dimensions(values), factory: factory)
    }
}

extension Timer {
    /// Records a time; one that is below zero counts as zero.
    package func record(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let (nanoseconds, isOver) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        recordNanoseconds(isOver ? .max : max(0, nanoseconds + attoseconds / 1_000_000_000))
    }
}

/// A counter of something that somebody else counts: it is told how many there are in all.
package struct TotalCounter: Sendable {
    private let counter: Counter
    private var counted: Int64 = 0

    package init(_ counter: Counter) { self.counter = counter }

    /// - Parameter total: since the beginning; fewer than before change nothing.
    package mutating func set(_ total: Int64) {
        guard total > counted else { return }
        counter.increment(by: total - counted)
        counted = total
    }
}
