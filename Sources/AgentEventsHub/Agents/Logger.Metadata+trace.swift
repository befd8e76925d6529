package import AgentEvents
public import Logging

extension Logger.Metadata {
    /// Names the trace in which something was asked for, if that is known. It is `trace_id` in the lines of the program.
    package mutating func add(_ trace: TraceContext?) {
        if let trace { self["trace.id"] = "\(trace.traceID)" }
    }
}
