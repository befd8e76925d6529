package import CoreMetrics
public import Logging

/// A part of a service that can read its files again while it runs: a certificate, the keys of tokens, settings.
public protocol Reloadable: Sendable {
    /// The name in the log, in a few words.
    var name: String { get }

    /// Reads again, and checks what it has read. Nothing has changed when this returns, nor when it throws.
    ///
    /// - Returns: what takes it into use. It cannot fail, and returns soon.
    func prepareReload() async throws -> @Sendable () -> Void
}

/// The parts of a service that read their files again together, on SIGHUP.
///
/// ```
/// reload ──prepared by all parts──> all of them take what they have read
///      └───one of them refuses────> nothing is taken: one error in the log, one more in agent_events_reload_failures_total
/// ```
///
/// So what is in use is always what one reload, or the start, has read, and never a mixture of two.
public struct ReloadGroup: Sendable {
    /// The end of a reload.
    @nonexhaustive
    public enum Outcome: Sendable {
        /// All parts use what they have read.
        case taken
        /// Nothing has changed.
        case refused(part: String, error: any Error)
    }

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

    /// Reloads all parts, or none. One reload is under way at a time.
    ///
    /// - Parameter note: is told the outcome, before the log is.
    @discardableResult
    public func reload(_ note: (Outcome) -> Void = { _ in }) async -> Outcome {
        var changes: [@Sendable () -> Void] = []
        for part in parts {
            do {
                changes.append(try await part.prepareReload())
            } catch {
                let outcome = Outcome.refused(part: part.name, error: error)
                failures.increment()
                note(outcome)
                logger.error(
                    "not reloaded, the old one is kept",
                    metadata: ["reload.part": "\(part.name)", "error.message": "\(error)"])
                return outcome
            }
        }
        for take in changes { take() }
        note(.taken)
        logger.notice("reloaded", metadata: ["reload.parts": "\(parts.map(\.name).joined(separator: ", "))"])
        return .taken
    }
}
