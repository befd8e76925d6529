internal import AgentEvents

/// How much a service takes in one request, as its welcome says.
package struct EmitLimits: Hashable, Sendable {
    /// Default: 1000, as long as the service has not said otherwise.
    package var maximumBatchEvents = 1000
    /// Default: 1 MiB, as long as the service has not said otherwise.
    package var maximumMessageByteCount = 1024 * 1024

    package init() {}

    /// Reads a welcome; what it does not say stays at the default.
    init(welcome bytes: [UInt8]) {
        guard let limits = (try? JSONValue(parsing: bytes))?["limits"] else { return }
        if let count = limits["max_batch_events"]?.integerValue, count > 0 { maximumBatchEvents = Int(clamping: count) }
        if let count = limits["max_message_bytes"]?.integerValue, count > 0 {
            maximumMessageByteCount = Int(clamping: count)
        }
    }
}
