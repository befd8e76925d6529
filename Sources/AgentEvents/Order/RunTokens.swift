/// The tokens of an open run, by what is logged. Most runs report none, and for those it takes one word.
enum RunTokens: Hashable, Sendable {
    struct Sums: Hashable, Sendable {
        var reported: TokenUsage?
        var ofChildren: TokenUsage?
    }

    case none
    indirect case some(Sums)

    private var sums: Sums {
        get {
            switch self {
            case .none: Sums()
            case .some(let sums): sums
            }
        }
        set { self = newValue == Sums() ? .none : .some(newValue) }
    }

    /// The sum of the run's own reports; `nil` without any.
    var reported: TokenUsage? { sums.reported }

    /// The sum of what the ends of its child runs say; `nil` when none says anything.
    var ofChildren: TokenUsage? { sums.ofChildren }

    /// - Returns: the sum of the reports before; ``setReported(_:)`` takes the change back.
    mutating func add(_ report: UsageReported) -> TokenUsage? {
        let before = sums.reported
        var sum = before ?? TokenUsage()
        sum.add(report)
        setReported(sum)
        return before
    }

    mutating func setReported(_ tokens: TokenUsage?) { sums.reported = tokens }

    mutating func add(ofChild tokens: TokenUsage) {
        var sum = sums.ofChildren ?? TokenUsage()
        sum.addSummable(tokens)
        sums.ofChildren = sum
    }
}
