public import AgentEvents

/// A sink that goes wrong as planned, around one that does not.
public final class FaultySink: EventSink {
    public let name: String
    private let sink: any EventSink
    private let injector: FaultInjector

    /// - Parameters:
    ///   - sink: takes what gets through.
    ///   - plan: which calls of ``receive(_:)`` go wrong.
    ///   - clock: what delays are measured on.
    public init(
        _ sink: any EventSink = InMemorySink(),
        plan: FaultPlan,
        clock: any Clock<Duration> = ContinuousClock()
    ) {
        name = "faulty \(sink.name)"
        self.sink = sink
        injector = FaultInjector(plan, clock: clock)
    }

    public func receive(_ batch: SinkBatch) async throws {
        try await injector.call { injected in
            if case .partial(let count) = injected?.fault {
                let part = SinkBatch(events: Array(batch.events.prefix(count)))
                if !part.events.isEmpty { try await sink.receive(part) }
            } else {
                try await sink.receive(batch)
            }
            if let injected { throw injected }
        }
    }

    /// The number of calls of ``receive(_:)``.
    public var callCount: Int { injector.callCount }
    /// The faults so far, in the order of the calls.
    public var injected: [InjectedFault] { injector.injected }
    /// The number of calls that hang.
    public var hangingCount: Int { injector.hangingCount }
    /// Releases the calls that hang, and lets later ones pass.
    public func release() { injector.release() }
}
