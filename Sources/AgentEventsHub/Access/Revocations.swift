import AgentEvents
import Logging
import Synchronization

/// The revocations of a hub: ``RevocationStateMachine`` under a lock, and the store that it survives in.
final class Revocations: Sendable {
    /// The longest id of a token or a key: no longer than a token is taken.
    private static let maximumIDByteCount = 8192

    private enum Loading {
        /// What was revoked before is being read; those who wait for it.
        case loading([CheckedContinuation<Bool, Never>])
        case loaded
        /// The hub has ended before.
        case ended
    }

    private struct State {
        var machine: RevocationStateMachine
        var loading: Loading
    }

    private let state: Mutex<State>
    /// Whether there is any: the usual case, in which nothing is looked up, is that there is none.
    private let hasSome = Atomic<Bool>(false)
    /// `nil` when the log has no place for them.
    private let store: (any StateStore)?
    private let environment: Environment
    private let logger: Logger
    /// `nil` when the keys of the credentials never change.
    private let keys: (any KeyedAuthenticator)?

    /// - Parameters:
    ///   - lifetime: how long a revocation counts.
    ///   - keys: knows the keys that credentials are made with; `nil` when they never change.
    init(
        store: (any StateStore)?,
        lifetime: Duration,
        environment: Environment,
        logger: Logger,
        keys: (any KeyedAuthenticator)? = nil
    ) {
        self.store = store
        self.keys = keys
        self.environment = environment
        self.logger = logger
        state = Mutex(
            State(
                machine: RevocationStateMachine(lifetime: lifetime), loading: store == nil ? .loaded : .loading([])))
    }

    /// Whether the credentials of a principal are revoked: by an operator, or because their key is gone.
    func revoke(_ principal: Principal) -> Bool {
        if let keys, !keys.hasKey(of: principal) { return true }
        guard hasSome.load(ordering: .acquiring) else { return false }
        let now = environment.wallClock.now()
        return state.withLock { $0.machine.revokes(principal.token, of: principal.user, at: now) }
    }

    // MARK: Revoking

    /// Has a revocation count from now on. It is not stored yet.
    ///
    /// - Returns: how to store it; `nil` when that is done already.
    func begin(_ revocation: Revocation) throws(RevocationError) -> (() async throws(RevocationError) -> Void)? {
        let now = environment.wallClock.now()
        let subject: StoredRevocation.Subject
        var issuedBefore: Timestamp?
        switch revocation {
        case .token(let id): subject = .token(try Self.checked(id))
        case .user(let user, let time): (subject, issuedBefore) = (.user(user), time ?? now)
        case .key(let issuer, let id):
            if let issuer { _ = try Self.checked(issuer) }
            subject = .key(issuer: issuer, id: try Self.checked(id))
        }
        let action = state.withLock { $0.machine.revoke(subject, issuedBefore: issuedBefore, at: now) }
        switch action {
        case .unchanged:
            return nil
        case .reject:
            throw RevocationError(
                .full,
                "as many revocations count as may; revoke the key that signs these tokens, or wait until some end")
        case .save(let saved, let removed):
            hasSome.store(true, ordering: .releasing)
            return { () async throws(RevocationError) in try await self.save(saved, removing: removed) }
        }
    }

    private static func checked(_ id: String) throws(RevocationError) -> String {
        guard id.utf8.count <= maximumIDByteCount else {
            throw RevocationError(.tooLong, "an id has at most \(maximumIDByteCount) bytes, as a token has")
        }
        return id
    }

    private func save(
        _ revocation: StoredRevocation,
        removing removed: [StoredRevocation]
    ) async throws(RevocationError) {
        if let store {
            do throws(EventLogError) {
                try await store.save(
                    removed.map { StoredValue(.revocation, name: $0.name, bytes: nil) }
                        + [StoredValue(.revocation, name: revocation.name, bytes: revocation.bytes)])
            } catch {
                logger.error("revocation not stored", metadata: ["error.code": "\(error.code)"])
                throw RevocationError(
                    .notStored,
                    "it counts, and would be forgotten at a restart, since it could not be stored; try again",
                    cause: error)
            }
        }
        state.withLock { $0.machine.saved(revocation) }
    }

    // MARK: The start

    /// Reads what was revoked before. Until that is done nobody is authenticated; it is tried until it succeeds.
    func load() async {
        guard let store else { return }
        while true {
            do throws(EventLogError) {
                try await load(store)
                return
            } catch {
                logger.error("revocations not read", metadata: ["error.code": "\(error.code)"])
            }
            do { try await environment.sleep(.seconds(1)) } catch { return }
        }
    }

    private func load(_ store: any StateStore) async throws(EventLogError) {
        let values = try await store.loadAll(.revocation, thread: nil)
        let revocations = values.compactMap { $0.bytes.flatMap { StoredRevocation($0) } }
        guard revocations.count == values.count else {
            // Nobody knows whose it was.
            throw EventLogError(.corrupt, "a stored revocation is not one")
        }
        let now = environment.wallClock.now()
        let (ended, hasSome) = state.withLock { state in
            (state.machine.loaded(revocations, at: now), state.machine.count > 0)
        }
        if hasSome { self.hasSome.store(true, ordering: .releasing) }
        if !ended.isEmpty {
            do throws(EventLogError) {
                try await store.save(ended.map { StoredValue(.revocation, name: $0.name, bytes: nil) })
            } catch {
                // They count no longer either way; the next start finds them again.
                logger.warning("revocations not removed", metadata: ["error.code": "\(error.code)"])
            }
        }
        resume(.loaded)
    }

    /// The hub ends.
    func finish() { resume(.ended) }

    private func resume(_ outcome: Loading) {
        let (waiting, isLoaded) = state.withLock { state -> ([CheckedContinuation<Bool, Never>], Bool) in
            guard case .loading(let waiting) = state.loading else { return ([], false) }
            state.loading = outcome
            if case .loaded = outcome { return (waiting, true) }
            return (waiting, false)
        }
        for waiter in waiting { waiter.resume(returning: isLoaded) }
    }

    /// Whether it is known which credentials are revoked.
    var isLoaded: Bool {
        state.withLock { state in
            if case .loaded = state.loading { true } else { false }
        }
    }

    /// Waits until it is known what was revoked before.
    ///
    /// - Returns: `false` when the hub has ended before that.
    func waitUntilLoaded() async -> Bool {
        await withCheckedContinuation { continuation in
            let isLoaded: Bool? = state.withLock { state in
                switch state.loading {
                case .loaded: return true
                case .ended: return false
                case .loading(let waiting):
                    state.loading = .loading(waiting + [continuation])
                    return nil
                }
            }
            if let isLoaded { continuation.resume(returning: isLoaded) }
        }
    }
}

/// An authenticator that takes no credentials that are revoked.
struct RevocationAuthenticator: NestedAuthenticator, ImmediateAuthenticator {
    let base: any Authenticator
    private let immediate: (any ImmediateAuthenticator)?
    private let revocations: Revocations
    let needsCredentials: Bool

    init(base: any Authenticator, revocations: Revocations) {
        self.base = base
        self.revocations = revocations
        immediate = base as? any ImmediateAuthenticator
        needsCredentials = base.needsCredentials
    }

    func authenticate(_ credentials: Credentials) async throws(AuthenticationError) -> Principal {
        guard needsCredentials else { return try await base.authenticate(credentials) }
        guard await revocations.waitUntilLoaded() else {
            throw AuthenticationError(.unavailable, "the service is about to stop")
        }
        let principal = try await base.authenticate(credentials)
        guard !revocations.revoke(principal) else { throw .revoked }
        return principal
    }

    func authenticateAtOnce(_ credentials: Credentials) -> Result<Principal, AuthenticationError>? {
        guard needsCredentials else { return immediate?.authenticateAtOnce(credentials) }
        guard revocations.isLoaded else { return nil }
        return immediate?.authenticateAtOnce(credentials).map { answer in
            answer.flatMap { revocations.revoke($0) ? .failure(.revoked) : .success($0) }
        }
    }
}

extension AuthenticationError {
    static var revoked: AuthenticationError {
        AuthenticationError(.revoked, "these credentials were revoked; get new ones")
    }
    static var expired: AuthenticationError {
        AuthenticationError(.expired, "these credentials have expired; get new ones")
    }
}
