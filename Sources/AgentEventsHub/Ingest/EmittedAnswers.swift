import AgentEvents
import AgentEventsProtocol

/// The answers to requests for approval among the events of one request.
///
/// Agents act on the answers that are in the log, so each has to come from a person who may give it: a program that emits
/// can ask, and must not answer its own question. By `emit` a request is only said to be `expired` or `cancelled`; people
/// answer by the command `answer`, which stamps who they are.
enum EmittedAnswers {
    /// - Throws: ``ProtocolError`` `approval.forbidden` for an answer, `event.field_not_allowed` for one who answers.
    static func check(_ drafts: [EventDraft], in thread: ThreadID, root: DraftRoot) throws(ProtocolError) {
        for index in drafts.indices {
            guard case .approvalResolved(let resolved) = drafts[index].payload else { continue }
            let path = root.path(of: index)
            switch resolved.decision {
            case .approved, .denied:
                throw ProtocolError(
                    .approvalForbidden,
                    "an emission says of a request for approval only that it is expired or cancelled: people answer by the "
                        + "command answer",
                    index: index, path: path + ".data.decision", threadID: thread)
            case .expired, .cancelled:
                break
            }
            guard resolved.by == nil else {
                throw ProtocolError(
                    .wire(.fieldNotAllowed), "nobody has answered a request that is \(resolved.decision.rawValue): leave by out",
                    index: index, path: path + ".data.by", threadID: thread)
            }
        }
    }
}
