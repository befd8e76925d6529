import AgentEventsHub
package import CoreMetrics

/// The counts of what happens to connections and requests before they reach the hub. The handles are made once.
package struct EntryMetrics: Sendable {
    private let refusedProxyHeaders: Counter
    private let ignoredForwards: Counter
    private let failedHandshakes: Counter

    /// The factory of the process is `MetricsSystem.factory`.
    package init(factory: any MetricsFactory = MetricsSystem.factory) {
        refusedProxyHeaders = ServiceMetric.refusedProxyHeaders.counter(in: factory)
        ignoredForwards = ServiceMetric.ignoredForwards.counter(in: factory)
        failedHandshakes = ServiceMetric.failedHandshakes.counter(in: factory)
    }

    /// A connection was closed whose header of the PROXY protocol was missing, wrong or not to be believed.
    func refusedProxyHeader() { refusedProxyHeaders.increment() }

    /// A request told of a client behind its sender, who is not a trusted proxy.
    func ignoredForward() { ignoredForwards.increment() }

    /// A connection ended before its TLS handshake did.
    func failedHandshake() { failedHandshakes.increment() }
}
