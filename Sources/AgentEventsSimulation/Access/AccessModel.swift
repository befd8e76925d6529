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
        var isRevoked = false

        func allows(_ thread: ThreadID) -> Bool { threads?.contains(thread) ?? true }
    }

    private struct Share: Hashable {
        let user: UserID
        let thread: ThreadID
    }

    private struct State {
        var tokens: [String: Token] = [:]
        var shares: Set<Share> = []
        var isOpen = false
    }

    let owners: [ThreadID: UserID]
    private let state = Mutex(State())
    private let wallClock: WallClock

    init(owners: [ThreadID: UserID], wallClock: WallClock) {
        self.owners = owners
        self.wallClock = wallClock
    }

    // MARK: Changes

    /// - Parameter life: in milliseconds; `nil` for a token without an end.
    func issue(to user: UserID, life: Int64?, threads: Set<ThreadID>?) -> Token {
        let now = wallClock.now()
        return state.withLock { state in
            let token = Token(
                name: "k\(state.tokens.count)", user: user,
                end: life.map { Timestamp(milliseconds: now.milliseconds + $0) }, issuedAt: now, threads: threads)
            state.tokens[token.name] = token
            return token
        }
    }

    /// Shares a thread with a user, or takes that back.
    func toggleShare(of thread: ThreadID, with user: UserID) {
        state.withLock { state in
            let share = Share(user: user, thread: thread)
            if state.shares.remove(share) == nil { state.shares.insert(share) }
        }
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
    /// - Parameter end: of the token, on the connection.
    func mayRead(_ thread: ThreadID, by token: Token, until end: Timestamp?) -> Bool {
        let now = wallClock.now()
        return state.withLock { state in
            guard state.tokens[token.name]?.isRevoked == false, end.map({ now < $0 }) ?? true else { return false }
            return allows(thread, token.user, token.threads, state)
        }
    }

    private func allows(_ thread: ThreadID, _ user: UserID, _ threads: Set<ThreadID>?, _ state: State) -> Bool {
        guard threads?.contains(thread) ?? true else { return false }
        return state.isOpen || owners[thread] == user || state.shares.contains(Share(user: user, thread: thread))
    }
}

extension AccessModel.Token {
    var principal: Principal {
        let grant = threads.map { threads in
            ThreadGrant.listed(threads.map(\.rawValue).sorted().map { ThreadAllowance(ThreadPattern($0)) })
        }
        return Principal(
            user: user, scopes: [.read, .emit], threads: grant ?? .all, expiresAt: end,
            token: TokenIdentity(id: name, issuedAt: issuedAt))
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
        let isAllowed = state.withLock { allows(request.thread, request.principal.user, threads, $0) }
        let answer: Rights = isAllowed ? [.read, .emit, .open] : []
        // Decided before it is answered, so that it may be late.
        await Task.yield()
        return answer
    }
}
