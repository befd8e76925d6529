/// The receipt of a context for events that it has accepted.
public struct EmitReceipt: Hashable, Sendable {
    /// The ids of the events given, in their order. Events that the runtime added to close open work are not among
    /// them.
    public var ids: [EventID]
    /// Whether the events were logged by an earlier request with the same idempotency key, and not again now.
    public var isRepeated: Bool
    /// The position that ``AgentRuntime/waitForCommit(of:)`` waits for.
    package var position: UInt64

    package init(ids: [EventID], isRepeated: Bool, position: UInt64) {
        self.ids = ids
        self.isRepeated = isRepeated
        self.position = position
    }

    var repeated: EmitReceipt { EmitReceipt(ids: ids, isRepeated: true, position: position) }
}
