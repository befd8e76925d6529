internal import AgentEventsProtocol

/// The limits of one request, as the service's welcome states them.
package struct EmitLimits: Hashable, Sendable {
    /// Default: 1000, as long as the service has not said otherwise.
    package var maximumBatchEvents = 1000
    /// Default: 1 MiB, as long as the service has not said otherwise.
    package var maximumMessageByteCount = 1024 * 1024

    package init() {}

    /// A limit that the welcome does not state stays at its default.
    init(_ limits: WelcomeLimits) {
        if let count = limits.maximumBatchEvents { maximumBatchEvents = count }
        if let count = limits.maximumMessageByteCount { maximumMessageByteCount = count }
    }
}
