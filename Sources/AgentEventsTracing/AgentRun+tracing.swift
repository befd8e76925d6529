public import AgentEvents
package import Tracing

/// The trace that the work of a task is in.
private enum CurrentTrace {
    struct Place: Sendable {
        let thread: ThreadID
        let id: String
    }

    @TaskLocal static var place: Place?
}

extension AgentRun {
    /// Works in the trace of the run: what the program's own tracer (swift-distributed-tracing) records in the body is below
    /// the span of the run that a ``TraceSink`` makes of the log.
    ///
    /// ```swift
    /// try await runtime.withRun(user: "u_1", thread: "t_7", agent: "guide", input: question) { run in
    ///     try await run.withTraceContext { try await database.query("…") }
    /// }
    /// ```
    ///
    /// The tracer is told by a `traceparent`, so it has to read that (`Instrument.extract`). For a child run it is called inside
    /// of the body of its parent's.
    public func withTraceContext<Result>(_ body: () async throws -> Result) async rethrows -> Result {
        try await withTraceContext(of: InstrumentationSystem.instrument, body)
    }

    package func withTraceContext<Result>(
        of instrument: some Instrument,
        _ body: () async throws -> Result
    ) async rethrows -> Result {
        let thread = context.thread
        let place = CurrentTrace.place
        let trace = place?.thread == thread ? place?.id : nil
        let traceID = trace ?? SpanIdentity.trace(of: id, in: thread)
        var service = ServiceContext.current ?? ServiceContext.topLevel
        instrument.extract(
            "00-\(traceID)-\(SpanIdentity.span(of: id, in: thread))-01", into: &service, using: TraceparentExtractor())
        return try await CurrentTrace.$place.withValue(CurrentTrace.Place(thread: thread, id: traceID)) {
            try await ServiceContext.withValue(service) { try await body() }
        }
    }
}

/// Reads the one value that there is.
private struct TraceparentExtractor: Extractor {
    func extract(key: String, from carrier: String) -> String? {
        key.lowercased() == "traceparent" ? carrier : nil
    }
}
