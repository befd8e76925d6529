import AgentEvents
import AgentEventsProtocol

/// The emissions of one connection, commands among them, from their beginning to the reply: carried out one batch after
/// the other, answered in the order in which they began, each when its events are committed.
struct EmissionQueue {
    /// An emission that has begun.
    struct Item: Sendable {
        let request: Addition
        let tag: RequestTag?
        /// Why nothing is emitted. It is answered in its turn all the same.
        var refusal: ProtocolError?
        /// The authorizer's answer about it; `nil` when nobody was asked.
        var rights: AskedRights?
    }

    private var queue: [Item] = []
    private var isRunning = false
    private var replies = Deque<EmissionReply>()

    /// The number of emissions that wait to be carried out.
    var queuedCount: Int { queue.count }
    /// The size of their messages, in bytes.
    private(set) var queuedByteCount = 0

    /// Nothing waits, runs or has an answer outstanding.
    var isIdle: Bool { queue.isEmpty && !isRunning && replies.isEmpty }

    mutating func enqueue(_ item: Item, byteCount: Int) {
        queue.append(item)
        queuedByteCount += byteCount
    }

    /// Everything that waits, when nothing is being carried out; else `nil`.
    ///
    /// - Parameter credentials: their generation; what was asked for other ones does not count.
    mutating func takeBatch(credentials: Int = 0) -> [Item]? {
        guard !isRunning, !queue.isEmpty else { return nil }
        isRunning = true
        var batch: [Item] = []
        swap(&batch, &queue)
        queuedByteCount = 0
        for index in batch.indices where batch[index].rights.map({ $0.generation != credentials }) ?? false {
            batch[index].rights = nil
        }
        return batch
    }

    mutating func didEmit(_ replies: [EmissionReply]) {
        isRunning = false
        self.replies.append(contentsOf: replies)
    }

    /// The replies that can go out: those whose events are committed, up to the first whose are not.
    mutating func takeReplies(upTo position: UInt64) -> [EmissionReply] {
        var taken: [EmissionReply] = []
        while let next = replies.first?.position, next <= position, let reply = replies.popFirst() {
            taken.append(reply)
        }
        return taken
    }

    /// The log failed: emissions that are not committed never will be. The other replies stay as they are.
    ///
    /// - Parameter committed: everything up to there is committed.
    mutating func failReplies(after committed: UInt64, _ error: EventLogError) -> [EmissionReply] {
        let failed = replies.map { reply in
            guard reply.position > committed else { return reply }
            var reply = reply
            reply.message = .error(ProtocolError(error, threadID: reply.thread).answering(reply.tag))
            return reply
        }
        replies.removeAll()
        return failed
    }
}

/// The answer to an emission, and the commit it waits for.
struct EmissionReply: Sendable {
    /// Sent once everything up to there is committed; 0 for at once.
    var position: UInt64
    var tag: RequestTag?
    var thread: ThreadID
    var message: ServerMessage
}

extension EmissionReply {
    /// - Parameter error: why nothing was emitted.
    init(refusing request: Addition, _ tag: RequestTag?, _ error: ProtocolError) {
        self.init(position: 0, tag: tag, thread: request.thread, message: .error(error.answering(tag)))
    }
}
