/// A plan of the calls that fail, and how: by their numbers, or by a rate and a seed. The same plan with the same seed
/// does the same every time.
///
/// ```swift
/// FaultPlan().on(3, .fail).on(5, .failAfterwards)
/// FaultPlan(seed: 7).rate(0.1, .fail).latency(.exponential(mean: .milliseconds(5), limit: .seconds(1)))
/// ```
public struct FaultPlan: Sendable, CustomStringConvertible {
    /// The behaviour of one call.
    package struct Decision: Hashable, Sendable {
        /// From 1.
        package var call: Int
        package var latency: Duration
        package var fault: Fault?
    }

    /// The seed of rates and latencies. Print it when a test fails.
    public let seed: UInt64
    private var rules: [FaultRule<Fault>] = []
    private var distribution = LatencyDistribution.none

    /// A plan in which nothing goes wrong.
    public init(seed: UInt64 = .random(in: 0 ... .max)) { self.seed = seed }

    /// The call of this number, from 1, goes wrong.
    public func on(_ call: Int, _ fault: Fault) -> FaultPlan { adding(.on(call, fault)) }

    /// The call of this number, from 1, and all after it fail, as if a connection were lost.
    public func from(_ call: Int, _ fault: Fault) -> FaultPlan { adding(.from(call, fault)) }

    /// The first calls go wrong.
    public func first(_ count: Int, _ fault: Fault) -> FaultPlan {
        (0..<count).reduce(self) { $0.on($1 + 1, fault) }
    }

    /// Every call goes wrong with this probability, from 0 to 1.
    public func rate(_ probability: Double, _ fault: Fault) -> FaultPlan { adding(.rate(probability, fault)) }

    /// Sets the time that calls take.
    public func latency(_ distribution: LatencyDistribution) -> FaultPlan {
        var plan = self
        plan.distribution = distribution
        return plan
    }

    private func adding(_ rule: FaultRule<Fault>) -> FaultPlan {
        var plan = self
        plan.rules.append(rule)
        return plan
    }

    /// Decides the behaviour of the call of this number: the first rule that applies. It depends on the seed and the
    /// number alone.
    package func decision(forCall call: Int) -> Decision {
        var generator = SeededGenerator(seed: seed, number: call)
        let latency = distribution.latency(at: Double.random(in: 0..<1, using: &generator))
        for rule in rules {
            guard let fault = rule.fault(on: call, using: &generator) else { continue }
            return Decision(call: call, latency: latency, fault: fault)
        }
        return Decision(call: call, latency: latency, fault: nil)
    }

    public var description: String {
        let latency = distribution == .none ? [] : ["latency \(distribution)"]
        return "seed \(seed): " + (rules.map { $0.text("call") } + latency).joined(separator: ", ")
    }
}
