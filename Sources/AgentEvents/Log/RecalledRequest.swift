/// A request with an idempotency key, as a log knows it.
public struct RecalledRequest: Hashable, Sendable {
    /// The ids of the events that it logged, in its order.
    public var ids: [EventID]
    /// The digest that was logged with the key; `nil` for one that was logged without.
    public var digest: RequestDigest?

    public init(ids: [EventID], digest: RequestDigest? = nil) {
        self.ids = ids
        self.digest = digest
    }
}
