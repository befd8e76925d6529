import AgentEventsTesting
import Testing

@Suite struct FaultPlanTests {
    private static func faults(_ plan: FaultPlan, _ count: Int = 6) -> [Fault?] {
        (1...count).map { plan.decision(forCall: $0).fault }
    }

    @Test func callsGoWrongByTheirNumbers() {
        #expect(Self.faults(FaultPlan()) == [nil, nil, nil, nil, nil, nil])
        #expect(Self.faults(FaultPlan().on(2, .fail).on(4, .hang)) == [nil, .fail, nil, .hang, nil, nil])
        #expect(
            Self.faults(FaultPlan().first(2, .failAfterwards)) == [
                .failAfterwards, .failAfterwards, nil, nil, nil, nil,
            ])
        #expect(
            Self.faults(FaultPlan().on(5, .partial(1)).from(4, .fail)) == [nil, nil, nil, .fail, .partial(1), .fail])
    }

    @Test func aSeedGivesTheSameFaultsEveryTime() {
        for seed: UInt64 in 0..<50 {
            let plan = FaultPlan(seed: seed).rate(0.3, .fail).latency(.uniform(.zero ... .seconds(1)))
            let decisions = (1...100).map { plan.decision(forCall: $0) }
            #expect(decisions == (1...100).map { plan.decision(forCall: $0) }, "seed \(seed)")
        }
        let plans = (0..<50).map { FaultPlan(seed: $0).rate(0.5, .fail) }
        #expect(Set(plans.map { Self.faults($0, 40) }).count == 50)
    }

    @Test func aRateIsMet() {
        let plan = FaultPlan(seed: 1).rate(0.2, .fail)
        let count = Self.faults(plan, 20_000).count { $0 != nil }
        #expect((3800...4200).contains(count), "\(plan): \(count)")
    }

    @Test func latenciesAreOfTheirDistribution() {
        let mean = Duration.milliseconds(10)
        let plan = FaultPlan(seed: 2).latency(.exponential(mean: mean, limit: .milliseconds(200)))
        let latencies = (1...20_000).map { plan.decision(forCall: $0).latency }
        let average = latencies.reduce(.zero, +) / latencies.count
        #expect((.microseconds(9_700) ... .microseconds(10_300)).contains(average), "\(plan): \(average)")
        #expect(latencies.allSatisfy { $0 >= .zero && $0 <= .milliseconds(200) })
        // The quantiles: a half is below 0.693 of the mean.
        let half = latencies.count { $0 < mean * 0.693_147 }
        #expect((9_700...10_300).contains(half), "\(plan): \(half)")
        #expect(LatencyDistribution.constant(.seconds(2)).latency(at: 0.7) == .seconds(2))
        #expect(LatencyDistribution.uniform(.seconds(1) ... .seconds(3)).latency(at: 0.5) == .seconds(2))
        #expect(LatencyDistribution.none.latency(at: 0.5) == .zero)
    }

    @Test func aPlanDescribesItself() {
        let plan = FaultPlan(seed: 7).on(2, .fail).from(9, .hang).rate(0.1, .partial(3)).latency(.constant(.seconds(1)))
        #expect(
            plan.description
                == "seed 7: call 2: fail, from call 9: hang, rate 0.1: partial(3), latency constant(1.0 seconds)")
        #expect(InjectedFault(call: 3, fault: .fail).description == "injected: call 3: fail")
    }
}
