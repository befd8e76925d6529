package import AgentEvents
package import AgentEventsProtocol

/// Carries out what people ask about the members of their threads.
package struct MemberIntake: Sendable {
    private let runtime: AgentRuntime
    private let access: ThreadAccess
    private let members: ThreadMembers
    private let signer: (any LinkTokenSigner)?
    /// Is told whose rights have changed, `nil` for those of many, after they have.
    private let didChange: @Sendable (UserID?, ThreadID) -> Void

    init(
        runtime: AgentRuntime,
        access: ThreadAccess,
        members: ThreadMembers,
        signer: (any LinkTokenSigner)?,
        didChange: @escaping @Sendable (UserID?, ThreadID) -> Void
    ) {
        self.runtime = runtime
        self.access = access
        self.members = members
        self.signer = signer
        self.didChange = didChange
    }

    /// Whether the principal may share a thread, before what it asks for is known.
    ///
    /// - Throws: ``ProtocolError``; `thread.unknown` also for a thread without events.
    package func checkAccess(to thread: ThreadID, for principal: Principal) async throws(ProtocolError) {
        _ = try await ownerAndAnswer(of: thread, for: principal)
    }

    /// The members of a thread, links among them, by their ids.
    package func all(of thread: ThreadID, for principal: Principal) async throws(ProtocolError) -> [ThreadMember] {
        try await checkAccess(to: thread, for: principal)
        let now = self.now
        let all = try await logged(thread) { () async throws(EventLogError) in
            try await members.all(of: thread).filter { $0.counts(at: now) }
        }
        // Whoever has lost the right meanwhile is told nothing.
        try access.checkRevocation(of: principal)
        try await checkAccess(to: thread, for: principal)
        return all
    }

    /// - Throws: ``ProtocolError``, among others `member.unknown`.
    package func member(
        _ subject: MemberSubject,
        of thread: ThreadID,
        for principal: Principal
    ) async throws(ProtocolError) -> ThreadMember {
        try await checkAccess(to: thread, for: principal)
        let found = try await logged(thread) { () async throws(EventLogError) in
            try await members.member(subject, of: thread)
        }
        guard let found, found.counts(at: now) else { throw .unknownMember(subject, thread) }
        return found
    }

    /// Makes somebody a member, or changes what a member may. It counts when this returns.
    ///
    /// - Throws: ``ProtocolError``.
    package func put(
        _ subject: MemberSubject,
        in thread: ThreadID,
        _ request: MemberRequest,
        for principal: Principal
    ) async throws(ProtocolError) -> ThreadMember {
        let (owner, own) = try await ownerAndAnswer(of: thread, for: principal)
        try Self.check(request.role, by: own.rights, in: thread)
        guard subject != .user(owner) else {
            throw ProtocolError(
                .requestInvalid, "the thread is \(owner)'s, who may do everything in it", threadID: thread)
        }
        if subject.isLink, request.role == .owner { throw .ownerLink(thread) }
        let now = now
        let head = request.isFromNow ? try await head(of: thread) : nil
        let member = try await members.put(subject, in: thread, at: now) { known throws(ProtocolError) in
            try access.checkRevocation(of: principal)
            // A link is made with its token, or not at all.
            guard known != nil || !subject.isLink else { throw .unknownMember(subject, thread) }
            if let known { try Self.check(known.role, by: own.rights, in: thread) }
            let beginning: Cursor?
            if let known, request.from == nil {
                beginning = known.visibleAfter
            } else {
                // Nor does anybody show what they do not see.
                beginning = Self.later(head, own.visibleAfter)
            }
            return ThreadMember(
                subject, request.role, grantedBy: principal.user, at: now,
                // The token of a link ends when the link did.
                expiresAt: Self.earlier(
                    request.expiry(from: now) ?? (subject.isLink ? known?.expiresAt : nil), own.rightsEnd),
                visibleAfter: beginning)
        }
        didChange(subject.user, thread)
        return member
    }

    /// Removes a member. What it follows of the thread ends when this returns.
    ///
    /// - Throws: ``ProtocolError``, among others `member.unknown`.
    package func remove(
        _ subject: MemberSubject,
        from thread: ThreadID,
        for principal: Principal
    ) async throws(ProtocolError) {
        try await checkAccess(to: thread, for: principal)
        let isRemoved = try await members.remove(subject, from: thread) { () throws(ProtocolError) in
            try access.checkRevocation(of: principal)
        }
        guard isRemoved else { throw .unknownMember(subject, thread) }
        didChange(subject.user, thread)
    }

    /// A share link with its token, which is told once.
    package struct Made: Sendable {
        package var member: ThreadMember
        package var token: String
    }

    /// Makes a share link.
    ///
    /// - Throws: ``ProtocolError``, among others `member.unsupported` when the service signs no tokens.
    package func makeLink(
        to thread: ThreadID,
        _ request: MemberRequest,
        for principal: Principal
    ) async throws(ProtocolError) -> Made {
        let (_, own) = try await ownerAndAnswer(of: thread, for: principal)
        try Self.check(request.role, by: own.rights, in: thread)
        guard request.role != .owner else { throw .ownerLink(thread) }
        guard let signer else {
            throw ProtocolError(
                .memberUnsupported, "this service makes no share links: it has no key to sign them", threadID: thread)
        }
        let now = now
        let asked = request.expiry(from: now) ?? now.adding(MemberRequest.defaultLinkLife)
        let expiresAt = Self.earlier(asked, own.rightsEnd) ?? asked
        let random = (0..<2).flatMap { _ -> [UInt8] in
            let number = runtime.environment.randomNumber()
            return (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
        }
        let id = UserID(text: IdentifierText(unchecked: MemberSubject.linkPrefix + Hexadecimal.text(of: random)))
        let link = ShareLink(
            thread: thread, subject: id, scopes: request.role.scopes, issuedAt: now, expiresAt: expiresAt)
        let token: String
        do {
            token = try await signer.token(for: link)
        } catch {
            throw ProtocolError(
                .internalFailure, "the token of the link could not be signed", isRetryable: true, threadID: thread)
        }
        let head = request.isFromNow ? try await head(of: thread) : nil
        let member = try await members.put(.link(id), in: thread, at: now) { _ throws(ProtocolError) in
            try access.checkRevocation(of: principal)
            return ThreadMember(
                .link(id), request.role, grantedBy: principal.user, at: now, expiresAt: expiresAt,
                visibleAfter: Self.later(head, own.visibleAfter))
        }
        return Made(member: member, token: token)
    }

    // MARK: Deciding

    private var now: Timestamp { runtime.environment.wallClock.now() }

    /// The user of a thread, and what the principal may do there, among it to share it.
    private func ownerAndAnswer(
        of thread: ThreadID,
        for principal: Principal
    ) async throws(ProtocolError) -> (owner: UserID, answer: RightsAnswer) {
        try access.checkRevocation(of: principal)
        try ThreadAccess.checkScope(of: principal, for: .share, in: thread)
        let owner = try await logged(thread) { () async throws(EventLogError) in try await runtime.owner(of: thread) }
        let question = RightsRequest(principal: principal, thread: thread, owner: owner)
        let answer = try await access.answer(to: question).get()
        guard answer.allows(.share), let owner else { throw .unknown(thread) }
        return (owner, answer)
    }

    /// Of two beginnings, the one that shows less.
    private static func later(_ one: Cursor?, _ other: Cursor?) -> Cursor? {
        guard let one, let other else { return one ?? other }
        return one.sequence < other.sequence ? other : one
    }

    /// Of two ends, the first; `nil` for none.
    private static func earlier(_ one: Timestamp?, _ other: Timestamp?) -> Timestamp? {
        guard let one, let other else { return one ?? other }
        return min(one, other)
    }

    /// Nobody gives, or takes the place of, more than they have.
    private static func check(_ role: MemberRole, by rights: Rights, in thread: ThreadID) throws(ProtocolError) {
        guard !rights.isSuperset(of: role.rightsToGive) else { return }
        throw ProtocolError(
            .memberForbidden, "these credentials do not have what the role \(role.rawValue) takes, and cannot give it",
            threadID: thread)
    }

    private func head(of thread: ThreadID) async throws(ProtocolError) -> Cursor? {
        try await logged(thread) { () async throws(EventLogError) in try await runtime.log.thread(thread) }?.head
    }

    private func logged<Value>(
        _ thread: ThreadID,
        _ body: () async throws(EventLogError) -> Value
    ) async throws(ProtocolError) -> Value {
        do throws(EventLogError) {
            return try await body()
        } catch {
            throw ProtocolError(error, threadID: thread)
        }
    }
}

extension MemberRole {
    /// The scopes of a link's token.
    fileprivate var scopes: Set<Scope> {
        switch self {
        case .viewer: [.read]
        case .approver: [.read, .approve]
        case .participant: [.read, .command, .approve]
        case .owner: [.read, .command, .approve, .share]
        }
    }
}

extension Timestamp {
    fileprivate func adding(_ duration: Duration) -> Timestamp {
        Timestamp(milliseconds: milliseconds + duration.milliseconds)
    }
}

extension ProtocolError {
    fileprivate static func unknownMember(_ subject: MemberSubject, _ thread: ThreadID) -> ProtocolError {
        ProtocolError(.memberUnknown, "\(subject) is not a member of this thread", threadID: thread)
    }

    fileprivate static func ownerLink(_ thread: ThreadID) -> ProtocolError {
        ProtocolError(.requestInvalid, "a link is a viewer, an approver or a participant", threadID: thread)
    }
}

/// The body of a request about a member or a link.
package struct MemberRequest: Hashable, Sendable {
    /// The first event that a member sees.
    package enum Beginning: String, Hashable, Sendable, CaseIterable {
        case start
        /// The next one that is committed.
        case now
    }

    /// The life of a share link that does not say: a day.
    static let defaultLinkLife: Duration = .seconds(24 * 3600)
    /// The longest life of a member that ends by itself: ten years.
    private static let maximumMemberLife: Duration = .seconds(3650 * 24 * 3600)

    package var role: MemberRole
    /// The time after which it ends; `nil` for never, or, for a link, after a day.
    package var life: Duration?
    /// Where it begins; `nil` for as it was, or at the start.
    package var from: Beginning?

    package init(role: MemberRole, life: Duration? = nil, from: Beginning? = nil) {
        self.role = role
        self.life = life
        self.from = from
    }

    var isFromNow: Bool { from == .now }

    func expiry(from now: Timestamp) -> Timestamp? { life.map { now.adding($0) } }

    private static let members = ["role", "expires_in", "from"]

    /// - Parameter isLink: whether it is for a share link, which is a viewer when it does not say.
    /// - Throws: ``ProtocolError`` with the path to the fault.
    package static func decode(_ bytes: [UInt8], isLink: Bool) throws(ProtocolError) -> MemberRequest {
        let json: JSONValue
        do throws(WireError) {
            json = try JSONValue(parsing: bytes)
        } catch {
            throw ProtocolError(error)
        }
        guard let object = json.objectValue else {
            throw ProtocolError(.messageInvalid, "the body is a JSON object with the member role", path: "$")
        }
        try object.checkNames(of: isLink ? "a link" : "a member", known: members)
        var reader = MemberReader(object, path: "$")
        let role: MemberRole?
        let from: Beginning?
        do throws(WireError) {
            role = try reader.choiceIfPresent("role")
            from = try reader.choiceIfPresent("from")
        } catch {
            throw ProtocolError(member: error)
        }
        guard let role = role ?? (isLink ? .viewer : nil) else {
            let roles = MemberRole.allCases.map(\.rawValue).joined(separator: ", ")
            throw ProtocolError(.messageInvalid, "a member has a role: one of \(roles)", path: "$.role")
        }
        let maximum = isLink ? ShareLink.maximumLife : maximumMemberLife
        var life: Duration?
        if let value = reader.takePresent("expires_in") {
            guard let seconds = value.integerValue, seconds >= 1, .seconds(seconds) <= maximum else {
                throw ProtocolError(
                    .messageInvalid, "expires_in is a number of seconds from 1 to \(maximum.components.seconds)",
                    path: "$.expires_in")
            }
            life = .seconds(seconds)
        }
        return MemberRequest(role: role, life: life, from: from)
    }
}
