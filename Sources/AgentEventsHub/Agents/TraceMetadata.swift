package import AgentEvents
package import Logging

/// The trace of a line of the log: `trace.id`, which is `trace_id` in the lines of the program.
package enum TraceMetadata {
    /// Names the trace in which something was asked for, if that is known.
    package static func add(_ trace: TraceContext?, to metadata: inout Logger.Metadata) {
        if let trace { metadata["trace.id"] = "\(trace.traceID)" }
    }
}
