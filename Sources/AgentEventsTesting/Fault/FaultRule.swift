/// A rule that selects calls, or connections: by their numbers, from 1, or by a rate.
enum FaultRule<Fault: Sendable>: Sendable {
    case on(Int, Fault)
    case from(Int, Fault)
    case rate(Double, Fault)

    /// - Parameter generator: made from the seed and the number alone.
    func fault(on number: Int, using generator: inout SeededGenerator) -> Fault? {
        switch self {
        case .on(let only, let fault): number == only ? fault : nil
        case .from(let first, let fault): number >= first ? fault : nil
        case .rate(let probability, let fault): Double.random(in: 0..<1, using: &generator) < probability ? fault : nil
        }
    }

    /// - Parameter noun: what is counted: `call`.
    func text(_ noun: String, _ text: (Fault) -> String = { "\($0)" }) -> String {
        switch self {
        case .on(let number, let fault): "\(noun) \(number): \(text(fault))"
        case .from(let number, let fault): "from \(noun) \(number): \(text(fault))"
        case .rate(let probability, let fault): "rate \(probability): \(text(fault))"
        }
    }
}
