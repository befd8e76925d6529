import AgentEvents
import AgentEventsProtocol

/// The answers to requests for approval among the events of one request.
///
/// Agents act on the answers that are in the log, so each has to come from a person who may give it: a program that emits
/// can ask, and must not answer its own question. By `emit` alone an approval is only said to be `expired` or `cancelled`.
/// `approved` and `denied` take the right to approve in the thread besides, and the one who answers is the user of the
/// credentials: no draft says it.
struct EmittedAnswers {
    /// The first of them, by its index among the events of the request.
    private(set) var first: Int?

    /// - Throws: ``ProtocolError`` `event.field_not_allowed` for one that says who answers, `approval.forbidden` for an entry of
    ///   the shared state that answers later questions (``ApprovalGrant``), and `state.forbidden` for one that only the service
    ///   writes.
    init(_ drafts: [EventDraft], in thread: ThreadID, root: DraftRoot) throws(ProtocolError) {
        for index in drafts.indices {
            if case .stateUpdated(let update) = drafts[index].payload, !update.isGrant,
                ContextChange.isReserved(update.key)
            {
                throw ProtocolError(
                    .stateForbidden,
                    "keys that begin with \(ContextChange.reservedPrefix) are the service's: use another key",
                    index: index, path: root.path(of: index) + ".data.key", threadID: thread)
            }
            if case .stateUpdated(let update) = drafts[index].payload, update.isGrant {
                throw ProtocolError(
                    .approvalForbidden,
                    "what is approved without a question is granted with an answer, by one who may approve, and taken back by the "
                        + "command revoke: use another key",
                    index: index, path: root.path(of: index) + ".data.key", threadID: thread)
            }
            guard case .approvalResolved(let resolved) = drafts[index].payload else { continue }
            guard resolved.by == nil else {
                throw ProtocolError(
                    .wire(.fieldNotAllowed),
                    "by is set by the service, from the credentials that the answer comes with; leave it out",
                    index: index, path: root.path(of: index) + ".data.by", threadID: thread)
            }
            if first == nil, resolved.isAnswer { first = index }
        }
    }

    /// The drafts with the name of the one who answers.
    static func signed(_ drafts: [EventDraft], by user: UserID) -> [EventDraft] {
        drafts.map { draft in
            guard case .approvalResolved(var resolved) = draft.payload, resolved.isAnswer else { return draft }
            resolved.by = user
            var signed = draft
            signed.payload = .approvalResolved(resolved)
            return signed
        }
    }

    /// The error for an answer of somebody who may not give it.
    static func forbidden(at index: Int, in thread: ThreadID, root: DraftRoot) -> ProtocolError {
        ProtocolError(
            .approvalForbidden,
            "an answer to a request for approval takes the right to approve in the thread; without it an approval is only "
                + "said to be expired or cancelled",
            index: index, path: root.path(of: index) + ".data.decision", threadID: thread)
    }
}

extension ApprovalResolved {
    /// Whether a person has decided, and not the time or the end of the run.
    fileprivate var isAnswer: Bool {
        switch decision {
        case .approved, .denied: true
        case .expired, .cancelled: false
        }
    }
}
