package import AgentEvents
internal import AgentEventsProtocol

/// Items of one thread that go into one request. It is sent again as it is until it is answered: the same events under
/// the same key are logged once.
struct EmitBatch: Hashable, Sendable {
    let items: [EmitItem]
    let key: String
    /// On the connection that is open now; `nil` when it was not sent there.
    var request: Int64?
    /// Whether it was ever sent: then it may be logged although nobody said so.
    var wasSent = false

    init(_ items: [EmitItem], keyPrefix: String) {
        self.items = items
        key = Self.key(items, keyPrefix)
    }

    var firstLine: Int { items.first?.line ?? 0 }
    var lastLine: Int { items.last?.line ?? 0 }

    /// Requests with different lines have different keys.
    private static func key(_ items: [EmitItem], _ prefix: String) -> String {
        let (first, last) = (items.first?.line ?? 0, items.last?.line ?? 0)
        return first == last ? "\(prefix)-\(first)" : "\(prefix)-\(first)-\(last)"
    }

    /// The request as one message.
    func message(request: Int64, user: UserID?) -> [UInt8] {
        guard let first = items.first else { preconditionFailure("a batch has an item") }
        return ClientMessage.encodedEmit(
            tag: RequestTag(number: request), thread: first.thread, user: user, key: key, events: items.map(\.bytes))
    }

    /// Counts the first items that go together into a message: those of one thread, up to both limits.
    ///
    /// - Returns: 0 when not even the first fits into a message.
    static func count(
        of items: some Collection<EmitItem>,
        user: UserID?,
        keyPrefix: String,
        maximumCount: Int,
        maximumByteCount: Int
    ) -> Int {
        guard let first = items.first else { return 0 }
        // The longest request number and key there can be.
        let longest = EmitItem(line: .max, thread: first.thread, bytes: [])
        let empty = ClientMessage.encodedEmit(
            tag: RequestTag(number: .max), thread: first.thread, user: user, key: key([longest], keyPrefix), events: [])
        var byteCount = empty.count + "-\(Int.max)".utf8.count
        var count = 0
        for item in items.prefix(maximumCount) {
            byteCount += item.bytes.count + (count > 0 ? 1 : 0)
            guard item.thread == first.thread, byteCount <= maximumByteCount else { break }
            count += 1
        }
        return count
    }
}

/// One event to emit, and the line it comes from.
package struct EmitItem: Hashable, Sendable {
    /// From 1; rises from item to item. The idempotency key of a request is made of it.
    package let line: Int
    package let thread: ThreadID
    /// One JSON object on one line, without `id`, `seq` and `time`.
    package let bytes: [UInt8]

    package init(line: Int, thread: ThreadID, bytes: [UInt8]) {
        self.line = line
        self.thread = thread
        self.bytes = bytes
    }
}
