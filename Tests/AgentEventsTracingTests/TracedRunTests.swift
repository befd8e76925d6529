import AgentEvents
import AgentEventsTracing
import Testing
import Tracing

/// The place in a trace, as a tracer of the program reads it.
private enum PlaceKey: ServiceContextKey {
    typealias Value = String
}

private struct Reader: Instrument {
    func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        context[PlaceKey.self] = extractor.extract(key: "traceparent", from: carrier)
    }

    func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {}
}

/// The program's own spans stand below those of its runs.
struct TracedRunTests {
    private func place() -> String? { ServiceContext.current?[PlaceKey.self] }

    @Test func theWorkOfARunIsBelowItsSpan() async throws {
        try await withAgentRuntime(log: InMemoryEventLog()) { runtime in
            try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide", id: "r_1") { run in
                let trace = SpanIdentity.trace(of: "r_1", in: "t_1")
                #expect(place() == nil)
                try await run.withTraceContext(of: Reader()) {
                    #expect(place() == "00-\(trace)-\(SpanIdentity.span(of: "r_1", in: "t_1"))-01")
                    try await run.withChild(agent: "helper", id: "r_2") { child in
                        await child.withTraceContext(of: Reader()) {
                            // In the trace of the run at the top.
                            #expect(place() == "00-\(trace)-\(SpanIdentity.span(of: "r_2", in: "t_1"))-01")
                        }
                    }
                }
                #expect(place() == nil)
                // Without a tracer nothing happens.
                #expect(await run.withTraceContext { place() } == nil)
            }
        }
    }
}
