package import CoreMetrics

/// The way in which a connection ends without a request that could be answered by a route, by its name in metrics.
package enum RequestFailure: String, CaseIterable, Sendable {
    /// Nothing came of it in its time.
    case silent
    /// Its head or its body did not come in its time.
    case late
    /// It is not HTTP.
    case invalid
    /// Its head is larger than any that is taken.
    case headersTooLarge = "headers_too_large"
    /// Its client had left before the connection was looked at.
    case gone
}

/// Counts requests that did not come as they should: `agent_events_request_failures_total{reason}`.
package struct RequestFailures: Sendable {
    private let counters: [Counter]

    package init(factory: any MetricsFactory) {
        counters = RequestFailure.allCases.map { ServiceMetric.requestFailures.counter($0.rawValue, in: factory) }
    }

    package func record(_ failure: RequestFailure) {
        guard let index = RequestFailure.allCases.firstIndex(of: failure) else { return }
        counters[index].increment()
    }
}
