package import AgentEvents
package import AgentEventsProtocol

/// A part that somebody plays in a thread of another user.
@nonexhaustive
public enum MemberRole: String, Hashable, Sendable, CaseIterable {
    /// Reads.
    case viewer
    /// Reads, and answers requests for approval.
    case approver
    /// Reads, and sends messages and commands.
    case participant
    /// Does all that the user can whose thread it is, and shares it.
    case owner

    /// The rights that come with it.
    package var rights: Rights {
        switch self {
        case .viewer: .read
        case .approver: [.read, .approve]
        case .participant: [.read, .command, .approve]
        case .owner: [.read, .command, .approve, .emit, .share]
        }
    }

    /// The rights that someone needs who gives it away: nobody gives more than they have.
    var rightsToGive: Rights { rights.subtracting(.emit) }
}

/// Somebody who may be a member of a thread.
package enum MemberSubject: Hashable, Sendable, CustomStringConvertible {
    case user(UserID)
    /// Everybody whose credentials name the group.
    case group(GroupID)
    /// Everybody with the token of a share link.
    case link(UserID)

    static let linkPrefix = "link:"
    private static let groupPrefix = "group:"

    /// The subject that credentials stand for; `nil` for a user whose id looks like a link or a group and is none.
    ///
    /// Only the service's own tokens are links, whatever the ids of the users of others look like.
    init?(_ principal: Principal) {
        let id = principal.user.rawValue
        if principal.token?.issuer == ShareLink.issuer {
            guard id.hasPrefix(Self.linkPrefix) else { return nil }
            self = .link(principal.user)
        } else {
            guard !id.hasPrefix(Self.linkPrefix), !id.hasPrefix(Self.groupPrefix) else { return nil }
            self = .user(principal.user)
        }
    }

    /// Reads a subject as it stands in a path.
    ///
    /// - Throws: ``ProtocolError`` `request.invalid`.
    package init(_ id: UserID) throws(ProtocolError) {
        if id.rawValue.hasPrefix(Self.groupPrefix) {
            guard let group = try? GroupID(String(id.rawValue.dropFirst(Self.groupPrefix.count))) else {
                throw ProtocolError(.requestInvalid, "a group is a member as \(Self.groupPrefix) and its name")
            }
            self = .group(group)
            return
        }
        self = id.rawValue.hasPrefix(Self.linkPrefix) ? .link(id) : .user(id)
    }

    /// The user whose rights it concerns; `nil` for those of many.
    var user: UserID? {
        switch self {
        case .user(let id), .link(let id): id
        case .group: nil
        }
    }

    var isLink: Bool { if case .link = self { true } else { false } }

    package var description: String {
        switch self {
        case .user(let id), .link(let id): id.rawValue
        case .group(let id): Self.groupPrefix + id.rawValue
        }
    }
}

/// A member of a thread.
package struct ThreadMember: Hashable, Sendable {
    package var subject: MemberSubject
    package var role: MemberRole
    package var grantedBy: UserID
    package var grantedAt: Timestamp
    /// When it is a member no longer; `nil` for never.
    package var expiresAt: Timestamp?
    /// Events up to this one are not for the member; `nil` when it sees all.
    package var visibleAfter: Cursor?

    /// Whether it is a member at a time.
    func counts(at now: Timestamp) -> Bool { expiresAt.map { now < $0 } ?? true }

    /// The member as it stands in answers.
    package var json: JSONValue {
        var json: JSONObject = ["subject": .string(subject.description)]
        for (name, value) in members { json[name] = value }
        return .object(json)
    }

    private var members: [(String, JSONValue)] {
        [
            ("role", .string(role.rawValue)), ("granted_by", grantedBy.json),
            ("granted_at", .string(grantedAt.rfc3339)), ("expires_at", expiresAt.map { .string($0.rfc3339) } ?? .null),
            ("visible_after", visibleAfter.json),
        ]
    }

    // MARK: Stored

    func stored(in thread: ThreadID) -> StoredValue {
        var json: JSONObject = [:]
        for (name, value) in members { json[name] = value }
        return StoredValue(
            .member, thread: thread, name: subject.description, bytes: Array(JSONValue.object(json).encoded()))
    }

    /// - Returns: `nil` when it is not what was stored.
    init?(_ value: StoredValue) {
        guard let bytes = value.bytes, let json = try? JSONValue(parsing: bytes), let id = try? UserID(value.name),
            let subject = try? MemberSubject(id),
            let role = json["role"]?.stringValue.flatMap({ MemberRole(rawValue: $0) }),
            let grantedBy = json["granted_by"]?.stringValue.flatMap({ try? UserID($0) }),
            let grantedAt = json["granted_at"]?.stringValue.flatMap({ Timestamp(rfc3339: $0) })
        else { return nil }
        let expiresAt = json["expires_at"]?.stringValue
        let visibleAfter = json["visible_after"]?.stringValue
        self.subject = subject
        self.role = role
        self.grantedBy = grantedBy
        self.grantedAt = grantedAt
        self.expiresAt = expiresAt.flatMap { Timestamp(rfc3339: $0) }
        self.visibleAfter = visibleAfter.flatMap { Cursor($0) }
        // A limit that cannot be read is not none.
        guard (expiresAt == nil) == (self.expiresAt == nil), (visibleAfter == nil) == (self.visibleAfter == nil) else {
            return nil
        }
    }

    package init(
        _ subject: MemberSubject,
        _ role: MemberRole,
        grantedBy: UserID,
        at grantedAt: Timestamp,
        expiresAt: Timestamp? = nil,
        visibleAfter: Cursor? = nil
    ) {
        self.subject = subject
        self.role = role
        self.grantedBy = grantedBy
        self.grantedAt = grantedAt
        self.expiresAt = expiresAt
        self.visibleAfter = visibleAfter
    }
}
