import AgentEventsHub
package import CoreMetrics
public import Logging

/// A part of a service that can read its files again while it runs.
public protocol Reloadable: Sendable {
    /// The name in the log, in a word or two.
    var name: String { get }

    /// Reads the files again, and uses what they say from now on. When it throws, nothing has changed.
    func reload() throws
}

/// The parts of a service that read their files again, on SIGHUP.
///
/// One that fails keeps what it has; that is one error in the log and one more in `agent_events_reload_failures_total`.
public struct ReloadGroup: Sendable {
    private let parts: [any Reloadable]
    private let logger: Logger
    private let failures: Counter

    public init(_ parts: [any Reloadable], logger: Logger) {
        self.init(parts, logger: logger, metrics: MetricsSystem.factory)
    }

    package init(_ parts: [any Reloadable], logger: Logger, metrics: any MetricsFactory) {
        self.parts = parts
        self.logger = logger
        failures = ServiceMetric.reloadFailures.counter(in: metrics)
    }

    /// Reloads each part.
    public func reload() {
        for part in parts {
            do {
                try part.reload()
                logger.notice("reloaded", metadata: ["reload.part": "\(part.name)"])
            } catch {
                failures.increment()
                logger.error(
                    "not reloaded, the old one is kept",
                    metadata: ["reload.part": "\(part.name)", "error.message": "\(error)"])
            }
        }
    }
}
