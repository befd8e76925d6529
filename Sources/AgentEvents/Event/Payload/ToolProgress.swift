/// How far a tool call is. On the wire: `tool_progress`.
public struct ToolProgress: Hashable, Sendable {
    /// An open call.
    public var call: CallID
    /// In words.
    public var message: String?
    /// 0 to 1.
    public var fraction: Double?

    public init(call: CallID, message: String? = nil, fraction: Double? = nil) {
        self.call = call
        self.message = message
        self.fraction = fraction
    }
}
