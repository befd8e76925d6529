import AgentEvents
import AgentEventsProtocol

/// The emissions of one connection, from their beginning to the reply: carried out one batch after the other, answered in the
/// order in which they began, each when its events are committed.
struct EmissionQueue {
    /// An emission that has begun.
    struct Item: Sendable {
        let request: EmitRequest
        let tag: RequestTag?
        /// Why nothing is emitted. It is answered in its turn all the same.
        var refusal: ProtocolError?
        /// What is known of the rights that it takes; `nil` for nothing.
        var rights: RightsAnswer?
    }

    private var queue: [Item] = []
    private var isRunning = false
    private var replies = Deque<EmissionReply>()

    /// How many wait to be carried out.
    var queuedCount: Int { queue.count }
    /// How many bytes their messages had.
    private(set) var queuedByteCount = 0

    /// Nothing waits, runs or is to be answered.
    var isIdle: Bool { queue.isEmpty && !isRunning && replies.isEmpty }

    mutating func enqueue(_ item: Item, byteCount: Int) {
        queue.append(item)
        queuedByteCount += byteCount
    }

    /// Everything that waits, when nothing is being carried out; else `nil`.
    mutating func takeBatch() -> [Item]? {
        guard !isRunning, !queue.isEmpty else { return nil }
        isRunning = true
        var batch: [Item] = []
        swap(&batch, &queue)
        queuedByteCount = 0
        return batch
    }

    mutating func didEmit(_ replies: [EmissionReply]) {
        isRunning = false
        self.replies.append(contentsOf: replies)
    }

    /// The replies that can go out: those whose events are committed, up to the first whose are not.
    mutating func takeReplies(upTo position: UInt64) -> [EmissionReply] {
        var taken: [EmissionReply] = []
        while let reply = replies.first, reply.position <= position {
            taken.append(reply)
            _ = replies.popFirst()
        }
        return taken
    }

    /// The log failed: what is not committed never will be. The replies to the rest say what they would have said.
    ///
    /// - Parameter committed: everything up to there is committed.
    mutating func failReplies(after committed: UInt64, _ error: EventLogError) -> [EmissionReply] {
        let failed = replies.map { reply in
            guard reply.position > committed else { return reply }
            var reply = reply
            reply.message = .error(ProtocolError(error, thread: reply.thread).answering(reply.tag))
            return reply
        }
        replies.removeAll()
        return failed
    }
}
