/// The tokens of one call of a model. What a run has reported is part of the usage in the event that ends it, whichever way
/// it ends, and counts also when the run is lost. On the wire: `usage_reported`.
public struct UsageReported: Hashable, Sendable {
    /// The model that was called.
    public var model: String?
    /// Tokens read by the model; at least 0.
    public var inputTokens: Int64
    /// Tokens written by the model; at least 0.
    public var outputTokens: Int64
    /// Tokens among those read that came from a cache; at least 0.
    public var cachedInputTokens: Int64?
    /// Tokens among those written that the model thought with; at least 0.
    public var reasoningTokens: Int64?
    /// Marks counts that are estimated: the call broke off before its provider sent them.
    public var isEstimated: Bool
    /// Further members, as they are (`cost`, `provider`, …).
    public var other: JSONObject

    public init(
        model: String? = nil,
        inputTokens: Int64,
        outputTokens: Int64,
        cachedInputTokens: Int64? = nil,
        reasoningTokens: Int64? = nil,
        isEstimated: Bool = false,
        other: JSONObject = [:]
    ) {
        self.model = model
        self.inputTokens = inputTokens
        self.outputTokens = outputTokens
        self.cachedInputTokens = cachedInputTokens
        self.reasoningTokens = reasoningTokens
        self.isEstimated = isEstimated
        self.other = other
    }

    /// The members that are not kept in ``other``, in their order on the wire.
    static let dataMembers = [
        "model", "input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens", "estimated",
    ]
}

extension TokenUsage {
    /// The most further members that a sum of reports has, and the longest name of one, in bytes. What does not fit is
    /// left out of the sum, so that a sum stays small however many reports there are.
    private static let maximumOtherCount = 16
    private static let maximumOtherNameByteCount = 64

    /// Adds one report. Of further members only whole numbers are added; a sum with an estimated part is estimated, too.
    package mutating func add(_ report: UsageReported) {
        inputTokens = Self.sum(inputTokens, report.inputTokens)
        outputTokens = Self.sum(outputTokens, report.outputTokens)
        addOther("cached_input_tokens", report.cachedInputTokens)
        addOther("reasoning_tokens", report.reasoningTokens)
        if report.isEstimated { other["estimated"] = true }
        for (name, value) in report.other { addOther(name, value.integerValue) }
    }

    /// Adds the usage of a run, in the same way.
    mutating func addSummable(_ usage: TokenUsage) {
        inputTokens = Self.sum(inputTokens, usage.inputTokens)
        outputTokens = Self.sum(outputTokens, usage.outputTokens)
        for (name, value) in usage.other {
            if name == "estimated", value == true { other["estimated"] = true }
            addOther(name, value.integerValue)
        }
    }

    private mutating func addOther(_ name: String, _ count: Int64?) {
        guard let count, name.utf8.count <= Self.maximumOtherNameByteCount else { return }
        let sum: Int64
        if let before = other[name] {
            guard let known = before.integerValue else { return }
            sum = Self.sum(known, count)
        } else {
            guard other.count < Self.maximumOtherCount else { return }
            sum = count
        }
        other[name] = .integer(sum)
    }
}
