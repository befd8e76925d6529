// The kinds of identifier, one type each. They differ in nothing but their meaning.

/// An organisation whose users, threads and stored values are apart from those of all others. There is one today, ``default``;
/// it is part of the keys under which things are stored, never of another id.
public struct TenantID: Identifier {
    public static var kind: String { "tenant id" }
    /// The tenant of everything that names no other.
    public static let `default`: TenantID = "default"
    public let text: IdentifierText
    public init(text: IdentifierText) { self.text = text }
}

/// The person (or account) that a thread belongs to.
public struct UserID: Identifier {
    public static var kind: String { "user id" }
    public let text: IdentifierText
    public init(text: IdentifierText) { self.text = text }
}

/// A group of users, as the issuer of their credentials names it.
public struct GroupID: Identifier {
    public static var kind: String { "group id" }
    public let text: IdentifierText
    public init(text: IdentifierText) { self.text = text }
}

/// One conversation: the unit of order and of subscription. It is a segment of paths, and so is not `.` or `..`.
public struct ThreadID: Identifier {
    public static var kind: String { "thread id" }
    public static var isPathSegment: Bool { true }
    public let text: IdentifierText
    public init(text: IdentifierText) {
        precondition(!text.isDotSegment, "a thread id must not be . or ..")
        self.text = text
    }
}

/// One execution of one agent. Never used twice in a thread.
public struct RunID: Identifier {
    public static var kind: String { "run id" }
    public let text: IdentifierText
    public init(text: IdentifierText) { self.text = text }
}

/// One call of one tool. Open once at a time in its run; after its end the id may be used again, for another call.
public struct CallID: Identifier {
    public static var kind: String { "call id" }
    public let text: IdentifierText
    public init(text: IdentifierText) { self.text = text }
}

/// One message. Its fragments share the id; it is not reopened once it is completed.
public struct MessageID: Identifier {
    public static var kind: String { "message id" }
    public let text: IdentifierText
    public init(text: IdentifierText) { self.text = text }
}

/// One thought. Its fragments share the id.
public struct ThoughtID: Identifier {
    public static var kind: String { "thought id" }
    public let text: IdentifierText
    public init(text: IdentifierText) { self.text = text }
}

/// One request for a person's approval. New in its run.
public struct ApprovalID: Identifier {
    public static var kind: String { "approval id" }
    public let text: IdentifierText
    public init(text: IdentifierText) { self.text = text }
}

/// One schedule by which runs are started.
public struct ScheduleID: Identifier {
    public static var kind: String { "schedule id" }
    public let text: IdentifierText
    public init(text: IdentifierText) { self.text = text }
}

/// Names one request, so that sending it again does nothing twice.
public struct IdempotencyKey: Identifier {
    public static var kind: String { "idempotency key" }
    public let text: IdentifierText
    public init(text: IdentifierText) { self.text = text }
}
