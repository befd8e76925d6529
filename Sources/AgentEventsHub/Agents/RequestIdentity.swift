import AgentEvents

/// The key of a request, and what it stands for.
struct RequestIdentity: Sendable {
    /// As it stands in the log.
    var key: IdempotencyKey
    /// As the author gave it.
    var given: IdempotencyKey
    /// The further wishes of the request, besides its message.
    var detail: String?
    /// The message; `nil` for a request without one.
    var draft: EventDraft?

    init(key: IdempotencyKey, given: IdempotencyKey, detail: String?) {
        self.key = key
        self.given = given
        self.detail = detail
    }

    init(_ key: MessageKey, detail: String?, draft: EventDraft) {
        self.init(key: key.key, given: key.given, detail: detail)
        self.draft = draft
    }

    var decisionKey: DecisionKey {
        DecisionKey(RequestKey(key, detail: detail), for: [draft].compactMap(\.self))
    }
}
