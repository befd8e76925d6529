/// The idempotency key of a request, and what the request asks for besides its events.
package struct RequestKey: Hashable, Sendable {
    package let key: IdempotencyKey
    /// Compared as it is, when the key comes again; `nil` for nothing.
    package let detail: String?

    package init(_ key: IdempotencyKey, detail: String? = nil) {
        self.key = key
        self.detail = detail
    }
}
