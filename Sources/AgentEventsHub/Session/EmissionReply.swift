import AgentEvents
import AgentEventsProtocol

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
    init(refusing request: EmitRequest, _ tag: RequestTag?, _ error: ProtocolError) {
        self.init(position: 0, tag: tag, thread: request.thread, message: .error(error.answering(tag)))
    }
}
