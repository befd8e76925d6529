import AgentEvents
import AgentEventsHub
import Synchronization

/// Who may read what in an ``AccessWorld``, at each moment: the truth that the hub is judged by. It also answers for the hub, as its
/// authenticator and its authorizer.
final class AccessModel: Sendable {
    /// A token, and how it stands.
    struct Token: Sendable {
        let name: String
        let user: UserID
        /// `nil` for never.
        var end: Timestamp?
        let issuedAt: Timestamp
        /// The threads that it is good for; `nil` for all.
        let threads: Set<ThreadID>?
        /// Whether the service keeps the members of threads.
        let usesMembers: Bool
        /// Whether it is that of a share link.
        var isLink = false
        var isRevoked = false

        func allows(_ thread: ThreadID) -> Bool { threads?.contains(thread) ?? true }
    }

    /// A user, or a link, and a thread of somebody else.
    struct Share: Hashable {
        let user: UserID
        let thread: ThreadID
    }

    /// The terms of a share.
    private struct Terms {
        var end: Timestamp?
        /// The number of the last event that is hidden.
        var hidden: UInt64 = 0
    }

    private struct State {
        var tokens: [String: Token] = [:]
        var shares: [Share: Terms] = [:]
        /// Those that are being changed: what was and what will be both count.
        var changing: Set<Share> = []
        var deleted: Set<ThreadID> = []
        var isOpen = false
    }

    let owners: [ThreadID: UserID]
    /// Whether the service keeps the members of threads; otherwise it asks the model.
    let usesMembers: Bool
    private let state = Mutex(State())
    private let wallClock: WallClock

    init(owners: [ThreadID: UserID], usesMembers: Bool, wallClock: WallClock) {
        self.owners = owners
        self.usesMembers = usesMembers
        self.wallClock = wallClock
    }

    // MARK: Changes

    /// - Parameters:
    ///   - life: in milliseconds; `nil` for a token without an end.
    ///   - threads: those that it is limited to; only where the service asks the model.
    func issue(to user: UserID, life: Int64?, threads: Set<ThreadID>?) -> Token {
        let now = wallClock.now()
        return state.withLock { state in
            let token = Token(
                name: "k\(state.tokens.count)", user: user,
                end: life.map { Timestamp(milliseconds: now.milliseconds + $0) }, issuedAt: now,
                threads: usesMembers ? nil : threads, usesMembers: usesMembers)
            state.tokens[token.name] = token
            return token
        }
    }

    /// Shares a thread with a user, or takes that back.
    func toggleShare(of thread: ThreadID, with user: UserID) {
        state.withLock { state in
            let share = Share(user: user, thread: thread)
            if state.shares.removeValue(forKey: share) == nil { state.shares[share] = Terms() }
        }
    }

    /// A share is about to be changed by the service.
    ///
    /// - Returns: `false` when it is being changed.
    func begin(_ share: Share) -> Bool { state.withLock { $0.changing.insert(share).inserted } }

    /// The service has said what has become of a share.
    ///
    /// - Parameter member: `nil` for none.
    func changed(_ share: Share, to member: ThreadMember?) {
        state.withLock { state in
            state.changing.remove(share)
            state.shares[share] = member.map { Terms(end: $0.expiresAt, hidden: $0.visibleAfter?.sequence ?? 0) }
        }
    }

    /// The service has refused to change a share.
    func leave(_ share: Share) { state.withLock { _ = $0.changing.remove(share) } }

    /// Those with a part in a thread of somebody else.
    var shares: [Share] {
        state.withLock { state in
            state.shares.keys.sorted { ($0.thread.rawValue, $0.user.rawValue) < ($1.thread.rawValue, $1.user.rawValue) }
        }
    }

    /// The service has said that a thread is deleted.
    func deleted(_ thread: ThreadID) { state.withLock { _ = $0.deleted.insert(thread) } }

    var deletedThreads: Set<ThreadID> { state.withLock { $0.deleted } }

    /// The tokens of the share links, as they were made.
    var linkTokens: [Token] {
        state.withLock { $0.tokens.values.filter(\.isLink).sorted { $0.name < $1.name } }
    }

    /// Everybody may read everything from now on.
    func open() { state.withLock { $0.isOpen = true } }

    func revoke(_ name: String) { state.withLock { $0.tokens[name]?.isRevoked = true } }

    /// All tokens of a user that were issued before a time.
    func revokeAll(of user: UserID, issuedBefore time: Timestamp) {
        state.withLock { state in
            for (name, token) in state.tokens where token.user == user && token.issuedAt < time {
                state.tokens[name]?.isRevoked = true
            }
        }
    }

    // MARK: The truth

    /// Whether a connection with a token may be given events of a thread.
    ///
    /// - Parameters:
    ///   - sequence: the number of an event that is given; `nil` for something else of the thread.
    ///   - end: of the token, on the connection.
    func mayRead(_ thread: ThreadID, _ sequence: UInt64?, by token: Token, until end: Timestamp?) -> Bool {
        let now = wallClock.now()
        return state.withLock { state in
            guard state.tokens[token.name]?.isRevoked == false, end.map({ now < $0 }) ?? true else { return false }
            return allows(thread, sequence, token.user, token.threads, at: now, state)
        }
    }

    private func allows(
        _ thread: ThreadID,
        _ sequence: UInt64?,
        _ user: UserID,
        _ threads: Set<ThreadID>?,
        at now: Timestamp,
        _ state: State
    ) -> Bool {
        guard threads?.contains(thread) ?? true, !state.deleted.contains(thread) else { return false }
        if state.isOpen || owners[thread] == user { return true }
        let share = Share(user: user, thread: thread)
        if state.changing.contains(share) { return true }
        guard let terms = state.shares[share], terms.end.map({ now < $0 }) ?? true else { return false }
        return sequence.map { $0 > terms.hidden } ?? true
    }
}

extension AccessModel.Token {
    var principal: Principal {
        let grant = threads.map { threads in
            ThreadGrant.listed(threads.map(\.rawValue).sorted().map { ThreadAllowance(ThreadPattern($0)) })
        }
        return Principal(
            user: user, scopes: isLink ? [.read] : [.read, .emit], threads: grant ?? (usesMembers ? .own : .all),
            isLimitedToThreads: isLink, expiresAt: end,
            token: TokenIdentity(issuer: isLink ? ShareLink.issuer : nil, id: name, issuedAt: issuedAt))
    }
}

extension AccessModel: LinkTokenSigner {
    func token(for link: ShareLink) async throws -> String {
        await Task.yield()
        return state.withLock { state in
            let token = Token(
                name: "k\(state.tokens.count)", user: link.subject, end: link.expiresAt, issuedAt: link.issuedAt,
                threads: [link.thread], usesMembers: true, isLink: true)
            state.tokens[token.name] = token
            state.changing.insert(Share(user: link.subject, thread: link.thread))
            return token.name
        }
    }
}

extension AccessModel: Authenticator {
    var needsCredentials: Bool { true }

    func authenticate(_ credentials: Credentials) async throws(AuthenticationError) -> Principal {
        // As one that asks elsewhere.
        await Task.yield()
        guard let name = credentials.token, let token = state.withLock({ $0.tokens[name] }) else {
            throw AuthenticationError(.invalid, "there is no such token")
        }
        return token.principal
    }
}

extension AccessModel: Authorizer {
    func rights(_ request: RightsRequest) async throws -> Rights {
        await Task.yield()
        let threads: Set<ThreadID>? =
            if case .listed(let allowances) = request.principal.threads {
                Set(owners.keys.filter { thread in allowances.contains { $0.pattern.matches(thread) } })
            } else {
                nil
            }
        let now = wallClock.now()
        let isAllowed = state.withLock { allows(request.thread, nil, request.principal.user, threads, at: now, $0) }
        let answer: Rights = isAllowed ? [.read, .emit, .open] : []
        // Decided before it is answered, so that it may be late.
        await Task.yield()
        return answer
    }
}
