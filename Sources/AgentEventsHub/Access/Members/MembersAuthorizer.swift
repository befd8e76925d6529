public import AgentEvents

/// Gives the rights of ``OwnershipAuthorizer``, and to the members of a thread those of their roles. The default of a hub
/// whose log keeps values.
///
/// The rights of the user whose thread it is are at hand; for others the stored members are asked. Credentials that are
/// limited to the threads that they list (``Principal/isLimitedToThreads``) have no part in what their user is a member of. A
/// share link has the rights of its role, as long as it is a member: its token alone gives none.
public struct MembersAuthorizer: Authorizer {
    let members: ThreadMembers

    /// - Parameter store: keeps the members; the log of the hub's runtime, mostly.
    public init(store: any StateStore) { members = ThreadMembers(store: store) }

    public func rights(_ request: RightsRequest) async throws -> Rights {
        try await clearance(request, at: WallClock.system.now()).rights
    }

    private static let ownership = OwnershipAuthorizer()

    /// The rights that no member's row can change; `nil` when the stored members have to be asked.
    func rightsAtHand(_ request: RightsRequest) -> Rights? {
        let principal = request.principal
        guard let owner = request.owner else {
            let rights = Self.ownership.constantRights(request)
            // Where nothing is allowed the members are asked for all the same: an answer that comes sooner than that about a
            // thread of somebody else would tell that there is no such thread.
            return rights.isEmpty && !request.isNewID && !principal.isLimitedToThreads ? nil : rights
        }
        if principal.user == owner, principal.token?.issuer != ShareLink.issuer { return .all }
        if principal.token?.issuer == ShareLink.issuer { return nil }
        let rights = Self.ownership.constantRights(request)
        if principal.isLimitedToThreads { return rights }
        // Nothing could be added that the credentials allow. The thread is open already.
        return rights.isSuperset(of: principal.limit(in: request.thread).subtracting(.open)) ? rights : nil
    }

    /// The rights, with the member's limits.
    func clearance(_ request: RightsRequest, at now: Timestamp) async throws(EventLogError) -> ThreadClearance {
        if let rights = rightsAtHand(request) { return ThreadClearance(rights: rights) }
        let principal = request.principal
        let isLink = principal.token?.issuer == ShareLink.issuer
        let granted = Self.ownership.constantRights(request)
        let all = try await memberships(of: principal, isLink: isLink, in: request.thread)
        let found = all.filter { $0.counts(at: now) }
        guard request.owner != nil, !found.isEmpty else { return ThreadClearance(rights: isLink ? [] : granted) }
        let role = found.reduce(into: Rights()) { $0.formUnion($1.role.rights) }.complete
        // Who is a member several times sees what one of them sees.
        let seesAll = found.contains { $0.visibleAfter == nil }
        let first = seesAll ? nil : found.compactMap(\.visibleAfter).min { $0.sequence < $1.sequence }
        return ThreadClearance(
            // A link has no other rights than those of its role, whatever its token lists.
            rights: isLink ? role.intersection(granted) : role.union(granted),
            expiresAt: found.compactMap(\.expiresAt).min(),
            // Who reads by the credentials as well reads everything.
            visibleAfter: !isLink && granted.contains(.read) ? nil : first)
    }

    /// The stored members that credentials stand for: their user, and each of their groups.
    private func memberships(
        of principal: Principal,
        isLink: Bool,
        in thread: ThreadID
    ) async throws(EventLogError) -> [ThreadMember] {
        let subject = MemberSubject(principal)
        guard !isLink, !principal.groups.isEmpty else {
            guard let subject else { return [] }
            return try await members.member(subject, of: thread).map { [$0] } ?? []
        }
        return try await members.all(of: thread).filter { member in
            if case .group(let group) = member.subject { return principal.groups.contains(group) }
            return member.subject == subject
        }
    }
}

/// The rights of a principal in a thread, and their limits.
struct ThreadClearance: Hashable, Sendable {
    var rights: Rights
    /// When they end; `nil` for not by themselves.
    var expiresAt: Timestamp?
    /// Events up to this one are not among what may be read; `nil` when all are.
    var visibleAfter: Cursor?
}
