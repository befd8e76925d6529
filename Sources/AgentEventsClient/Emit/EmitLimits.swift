internal import AgentEventsProtocol

/// How much a service takes in one request, as its welcome says.
package struct EmitLimits: Hashable, Sendable {
    /// Default: 1000, as long as the service has not said otherwise.
    package var maximumBatchEvents = 1000
    /// Default: 1 MiB, as long as the service has not said otherwise.
    package var maximumMessageByteCount = 1024 * 1024

    package init() {}

    /// What a welcome does not say stays at the default.
    init(_ limits: WelcomeLimits) {
        if let count = limits.maximumBatchEvents { maximumBatchEvents = count }
        if let count = limits.maximumMessageByteCount { maximumMessageByteCount = count }
    }
}
