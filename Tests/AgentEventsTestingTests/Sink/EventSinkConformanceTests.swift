import AgentEvents
import AgentEventsTesting
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(10))) struct EventSinkConformanceTests {
    @Test func theInMemorySinkConforms() async throws {
        try await EventSinkConformance {
            let sink = InMemorySink()
            return .init(sink) { sink.events }
        }.run()
    }

    @Test func theLogSinkConforms() async throws {
        try await EventSinkConformance { .init(LogSink { _ in }) }.run()
    }

    @Test func aFaultySinkWithoutFaultsConforms() async throws {
        try await EventSinkConformance {
            let memory = InMemorySink()
            return .init(FaultySink(memory, plan: FaultPlan())) { memory.events }
        }.run()
    }

    /// A sink with one mistake.
    private final class WrongSink: EventSink {
        enum Mistake: CaseIterable {
            case hasNoName, dropsLargeBatches, swapsEvents, failsOnUnknownTypes, dropsRepeatedBatches, inventsThreads
        }

        let mistake: Mistake
        private let stored = Mutex<[AgentEvent]>([])

        init(_ mistake: Mistake) { self.mistake = mistake }

        var name: String { mistake == .hasNoName ? "" : "wrong" }
        var events: [AgentEvent] { stored.withLock { $0 } }

        func receive(_ batch: SinkBatch) async throws {
            var events = try batch.decoded()
            switch mistake {
            case .hasNoName: break
            case .dropsLargeBatches: if events.count > 100 { events = [] }
            case .swapsEvents: if events.count > 1 { events.swapAt(0, events.count - 1) }
            case .failsOnUnknownTypes:
                for event in events where event.type == nil { throw InjectedFault(call: 1, fault: .fail) }
            case .dropsRepeatedBatches:
                // With what is new in them.
                let known = stored.withLock { Set($0.map(\.id)) }
                if events.contains(where: { known.contains($0.id) && $0.threadID == "t_1" }) { events = [] }
            case .inventsThreads:
                for index in events.indices { events[index].threadID = "t_9" }
            }
            stored.withLock { $0 += events }
        }
    }

    @Test(arguments: WrongSink.Mistake.allCases)
    private func aMistakeIsFound(mistake: WrongSink.Mistake) async {
        await withKnownIssue {
            try await EventSinkConformance {
                let sink = WrongSink(mistake)
                return .init(sink) { sink.events }
            }.run()
        }
    }
}
