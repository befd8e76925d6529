import AgentEventsTesting
import Testing

@Suite struct SocketFaultPlanTests {
    private static func faults(_ plan: SocketFaultPlan, _ count: Int = 4) -> [[SocketFault]] {
        (1...count).map { plan.faults(forConnection: $0) }
    }

    @Test func connectionsGoWrongByTheirNumbers() {
        #expect(Self.faults(SocketFaultPlan()) == [[], [], [], []])
        #expect(
            Self.faults(
                SocketFaultPlan().on(2, .refuse).from(3, .hang, .slice(1)).first(1, .throttle(bytesPerSecond: 9)))
                == [[.throttle(bytesPerSecond: 9)], [.refuse], [.hang, .slice(1)], [.hang, .slice(1)]])
        // All that applies befalls it.
        #expect(Self.faults(SocketFaultPlan().on(1, .slice(1)).from(1, .hang), 1) == [[.slice(1), .hang]])
    }

    @Test func aSeedGivesTheSameFaultsEveryTime() {
        let plans = (0..<50).map { SocketFaultPlan(seed: $0).rate(0.5, .cut(.reset, after: 0...1000, .toClient)) }
        for plan in plans {
            #expect(Self.faults(plan, 40) == Self.faults(plan, 40), "\(plan)")
            for fault in Self.faults(plan, 40).joined() {
                guard case .cut(.reset, let range, .toClient) = fault else {
                    Issue.record("\(plan): \(fault)")
                    continue
                }
                #expect(range.count == 1 && (0...1000).contains(range.lowerBound), "\(plan)")
            }
        }
        #expect(Set(plans.map { Self.faults($0, 40) }).count == 50)
        let count = Self.faults(SocketFaultPlan(seed: 1).rate(0.2, .refuse), 20_000).count { !$0.isEmpty }
        #expect((3800...4200).contains(count), "\(count)")
    }

    @Test func aPlanDescribesItself() {
        let plan = SocketFaultPlan(seed: 7).on(2, .refuse).from(9, .hang, .slice(3))
            .rate(0.1, .cut(afterBytes: 5), .cut(.halfOpen, after: 1...9, .toService))
            .on(1, .stopReading(after: 4, .toClient), .throttle(bytesPerSecond: 6), .delay(.constant(.seconds(1))))
        #expect(
            plan.description == """
                seed 7: connection 2: refuse, from connection 9: hang and slices of 3 bytes, rate 0.1: close after 5 bytes \
                to the client and half-open after 1 to 9 bytes to the service, connection 1: stop reading after 4 bytes to \
                the client and throttle to 6 bytes/s and delay constant(1.0 seconds)
                """)
        let fault = InjectedSocketFault(connection: 3, fault: .cut(.reset, afterBytes: 5))
        #expect(fault.description == "injected: connection 3: reset after 5 bytes to the client")
    }
}
