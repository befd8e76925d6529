package import AgentEvents

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
