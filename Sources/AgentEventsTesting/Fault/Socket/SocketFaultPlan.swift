/// A plan of the connections that fail, and how: by their numbers, or by a rate and a seed. The same plan with the same
/// seed does the same every time.
///
/// ```swift
/// SocketFaultPlan().on(1, .cut(.reset, afterBytes: 700)).on(2, .refuse)
/// SocketFaultPlan(seed: 7).rate(0.5, .cut(.close, after: 0...5000, .toClient), .slice(3))
/// ```
public struct SocketFaultPlan: Sendable, CustomStringConvertible {
    /// The seed of rates, ranges and latencies. Print it when a test fails.
    public let seed: UInt64
    private var rules: [FaultRule<[SocketFault]>] = []

    /// A plan in which nothing goes wrong.
    public init(seed: UInt64 = .random(in: 0 ... .max)) { self.seed = seed }

    /// The connection of this number, from 1, goes wrong.
    public func on(_ connection: Int, _ faults: SocketFault...) -> SocketFaultPlan { adding(.on(connection, faults)) }

    /// The connection of this number, from 1, and all after it have the fault.
    public func from(_ connection: Int, _ faults: SocketFault...) -> SocketFaultPlan {
        adding(.from(connection, faults))
    }

    /// The first connections go wrong.
    public func first(_ count: Int, _ faults: SocketFault...) -> SocketFaultPlan {
        (0..<count).reduce(self) { $0.adding(.on($1 + 1, faults)) }
    }

    /// Every connection goes wrong with this probability, from 0 to 1.
    public func rate(_ probability: Double, _ faults: SocketFault...) -> SocketFaultPlan {
        adding(.rate(probability, faults))
    }

    private func adding(_ rule: FaultRule<[SocketFault]>) -> SocketFaultPlan {
        var plan = self
        plan.rules.append(rule)
        return plan
    }

    /// The faults of the connection of this number: those of every rule that applies, with a number drawn from each
    /// range. It depends on the seed and the number alone.
    package func faults(forConnection number: Int) -> [SocketFault] {
        var generator = SeededGenerator(seed: seed, number: number)
        return rules.flatMap { rule in
            (rule.fault(on: number, using: &generator) ?? []).map { fault in
                guard case .cut(let how, let range, let direction) = fault else { return fault }
                return .cut(how, afterBytes: Int.random(in: range, using: &generator), direction)
            }
        }
    }

    public var description: String {
        let rules = rules.map { $0.text("connection") { $0.map { "\($0)" }.joined(separator: " and ") } }
        return "seed \(seed): " + rules.joined(separator: ", ")
    }
}
