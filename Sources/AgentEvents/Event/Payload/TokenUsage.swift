/// What a run used. Counts beyond the two named ones are kept by their names on the wire.
public struct TokenUsage: Hashable, Sendable {
    /// Tokens read by the model; at least 0. On the wire: `input_tokens`.
    public var inputTokens: Int64?
    /// Tokens written by the model; at least 0. On the wire: `output_tokens`.
    public var outputTokens: Int64?
    /// Further members, as they are (`cached_tokens`, `cost`, …).
    public var other: JSONObject

    public init(inputTokens: Int64? = nil, outputTokens: Int64? = nil, other: JSONObject = [:]) {
        self.inputTokens = inputTokens
        self.outputTokens = outputTokens
        self.other = other
    }
}
