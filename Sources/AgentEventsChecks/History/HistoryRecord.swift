package import AgentEvents

/// One thing that happened to a producer or a client: a line of a history.
///
/// The records of one client stand in the order in which they happened; all others may stand anywhere.
package enum HistoryRecord: Sendable {
    /// A producer asked for events to be emitted. The same key again in the same thread is the same emission.
    case attempted(HistoryAttempt)
    /// A producer was told that its events are committed.
    ///
    /// - Parameter attempt: whose events they are; `nil` when it was not recorded.
    case acknowledged(attempt: String?, thread: ThreadID, ids: [EventID])
    /// A producer was told that nothing of its attempt was logged, nor will be.
    case refused(attempt: String)
    /// An event that the log holds at the end, in the log's order within its thread. When there is one of a thread, all
    /// of the thread's are there.
    case logged(bytes: [UInt8])
    /// A client subscribed, and the service answered where it begins: after this event, or with the first one (`nil`).
    case subscribed(client: String, user: UserID?, thread: ThreadID, after: EventID?)
    /// A client received an event.
    case seen(client: String, bytes: [UInt8])
    /// A client was told that its cursor is of no use: what comes next is the oldest event that is kept.
    case reset(client: String, thread: ThreadID, HistoryReset)
    /// A client acknowledged everything up to an event.
    case acknowledgedByClient(client: String, thread: ThreadID, cursor: EventID)
    /// The service said, at the end or in between, what it sent to a client and what the client acknowledged.
    case reported(client: String, thread: ThreadID, acknowledged: EventID?, sent: EventID?)
    /// A client went away before the end: it need not have seen everything.
    case left(client: String)
}

/// A producer's request to emit events.
package struct HistoryAttempt: Sendable {
    /// Any name that no other attempt has.
    package var name: String
    package var thread: ThreadID
    /// The user whose thread it is; `nil` when the producer did not say.
    package var user: UserID?
    package var key: IdempotencyKey?
    package var drafts: [EventDraft]

    package init(
        name: String,
        thread: ThreadID,
        user: UserID? = nil,
        key: IdempotencyKey? = nil,
        drafts: [EventDraft]
    ) {
        self.name = name
        self.thread = thread
        self.user = user
        self.key = key
        self.drafts = drafts
    }
}

/// The answer to a client whose cursor is of no use: the events it has of the thread are void, and they come again from
/// the oldest one that is kept.
package struct HistoryReset: Hashable, Sendable {
    package var reason: ResetReason
    /// The event with which the thread begins now; `nil` when no event is kept.
    package var oldest: EventID?

    package init(_ reason: ResetReason, oldest: EventID?) {
        self.reason = reason
        self.oldest = oldest
    }
}

extension HistoryRecord {
    /// Reads a line of a history: one JSON object.
    ///
    /// ```
    /// {"record":"attempt","attempt":"a1","thread_id":"t","user_id":"u","key":"k","events":[{draft},…]}
    /// {"record":"acknowledged","attempt":"a1","thread_id":"t","cursors":["1-1",…]}
    /// {"record":"refused","attempt":"a1"}
    /// {"record":"logged","event":"<the event's text>"}
    /// {"record":"subscribed","client":"c1","user_id":"u","thread_id":"t","after":"1-1"}
    /// {"record":"seen","client":"c1","event":"<the event's text>"}
    /// {"record":"reset","client":"c1","thread_id":"t","reason":"trimmed","oldest":"1-8"}
    /// {"record":"ack","client":"c1","thread_id":"t","cursor":"1-1"}
    /// {"record":"reported","client":"c1","thread_id":"t","acknowledged":"1-1","sent":"1-2"}
    /// {"record":"left","client":"c1"}
    /// ```
    ///
    /// `user_id`, `key`, `attempt` of `acknowledged`, `after`, `oldest`, `acknowledged` and `sent` may be left out; the
    /// cursors are also `null`. An event's text is a string, so that it is kept byte for byte.
    package init(parsing bytes: [UInt8]) throws(WireError) {
        var members = try MemberReader(try JSONValue(parsing: bytes), path: "$")
        switch try members.text("record") {
        case "attempt":
            self = .attempted(try HistoryAttempt(&members))
        case "acknowledged":
            self = .acknowledged(
                attempt: try members.textIfPresent("attempt"), thread: try members.threadID(),
                ids: try members.cursors("cursors"))
        case "refused":
            self = .refused(attempt: try members.text("attempt"))
        case "logged":
            self = .logged(bytes: Array(try members.text("event").utf8))
        case "subscribed":
            self = .subscribed(
                client: try members.text("client"), user: try members.identifierIfPresent("user_id"),
                thread: try members.threadID(), after: try members.cursorIfPresent("after"))
        case "seen":
            self = .seen(client: try members.text("client"), bytes: Array(try members.text("event").utf8))
        case "reset":
            self = .reset(
                client: try members.text("client"), thread: try members.threadID(),
                HistoryReset(try members.reason(), oldest: try members.cursorIfPresent("oldest")))
        case "ack":
            guard let cursor = try members.cursorIfPresent("cursor") else {
                throw WireError(.missingField, path: "$.cursor", "the member cursor is missing")
            }
            self = .acknowledgedByClient(
                client: try members.text("client"), thread: try members.threadID(), cursor: cursor)
        case "reported":
            self = .reported(
                client: try members.text("client"), thread: try members.threadID(),
                acknowledged: try members.cursorIfPresent("acknowledged"), sent: try members.cursorIfPresent("sent"))
        case "left":
            self = .left(client: try members.text("client"))
        default:
            throw members.invalid(
                "record",
                "record must be one of: attempt, acknowledged, refused, logged, subscribed, seen, reset, ack, reported, "
                    + "left")
        }
    }
}

extension HistoryAttempt {
    fileprivate init(_ members: inout MemberReader) throws(WireError) {
        let thread: ThreadID = try members.threadID()
        self.init(
            name: try members.text("attempt"), thread: thread, user: try members.identifierIfPresent("user_id"),
            key: try members.identifierIfPresent("key"), drafts: [])
        for (index, value) in (try members.array("events")).enumerated() {
            drafts.append(try EventDecoder.decodeDraft(value, path: "$.events[\(index)]", thread: thread))
        }
    }
}

extension MemberReader {
    fileprivate mutating func reason() throws(WireError) -> ResetReason {
        let reason = ResetReason(rawValue: try text("reason"))
        if case .unrecognized = reason {
            throw invalid("reason", "reason must be one of: diverged, trimmed, unknown")
        }
        return reason
    }
}
