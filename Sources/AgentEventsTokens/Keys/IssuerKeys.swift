package import AgentEvents
package import Logging
import Synchronization

/// The keys of one issuer: from a file, until they are replaced, or fetched again and again by ``run()``.
package final class IssuerKeys: Sendable {
    /// The longest time that a token waits for a fetch.
    package static let patience: Duration = .seconds(2)

    private enum Source {
        case fixed(KeyTable)
        case fetched(KeySetStateMachine)
    }

    private struct State {
        var source: Source
        var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
        var nextWaiter: UInt64 = 0
    }

    private let issuer: String?
    private let environment: Environment
    private let logger: Logger
    private let fetch: (@Sendable () async throws -> [UInt8])?
    private let onFetched: @Sendable (_ table: KeyTable, _ removed: Set<TokenKey.Name>) -> Void
    private let state: Mutex<State>
    /// A key is missing.
    private let requests = WakeSignal()

    /// - Parameter table: the keys, which stay the same until ``replace(by:)``.
    package init(issuer: String?, _ table: KeyTable, environment: Environment, logger: Logger) {
        self.issuer = issuer
        self.environment = environment
        self.logger = logger
        fetch = nil
        onFetched = { _, _ in }
        state = Mutex(State(source: .fixed(table)))
    }

    /// - Parameters:
    ///   - fetch: gets the issuer's JWK set.
    ///   - onFetched: is told of each set, and of the keys that it has no longer.
    package init(
        issuer: String?,
        environment: Environment,
        logger: Logger,
        fetch: @escaping @Sendable () async throws -> [UInt8],
        onFetched: @escaping @Sendable (_ table: KeyTable, _ removed: Set<TokenKey.Name>) -> Void
    ) {
        self.issuer = issuer
        self.environment = environment
        self.logger = logger
        self.fetch = fetch
        self.onFetched = onFetched
        state = Mutex(State(source: .fetched(KeySetStateMachine())))
    }

    /// Has other keys count from now on, in place of those from a file.
    ///
    /// - Returns: the names of those that are gone.
    package func replace(by table: KeyTable) -> Set<TokenKey.Name> {
        state.withLock { state in
            guard case .fixed(let old) = state.source else { preconditionFailure("fetched keys are not replaced") }
            state.source = .fixed(table)
            return old.names(notIn: table)
        }
    }

    /// Has the keys fetched at once. The old ones count meanwhile, and also when that fails; how it ends is in the log. Returns at
    /// once. Keys that are not fetched stay as they are.
    package func fetchAgain() {
        let isFetched = state.withLock { state in
            guard case .fetched(var machine) = state.source else { return false }
            machine.reload()
            state.source = .fetched(machine)
            return true
        }
        if isFetched { requests.signal() }
    }

    // MARK: Looking up

    /// The key that a token names; waits for a fetch where that may bring it, for a limited time.
    ///
    /// - Throws: ``TokenError``: `key`, `unavailable`.
    package func key(_ id: String?) async throws(TokenError) -> TokenKey {
        let (answer, fetchCount) = find(id)
        guard case .wait = answer else { return try Self.key(answer) }
        requests.signal()
        await waitForFetch(after: fetchCount)
        return try Self.key(find(id).answer)
    }

    private func find(_ id: String?) -> (answer: KeySetStateMachine.Answer, fetchCount: UInt64) {
        state.withLock { state in
            switch state.source {
            case .fixed(let table):
                switch table.find(id) {
                case .key(let key): return (.key(key), 0)
                case .nameNeeded: return (.nameNeeded, 0)
                case .unknown: return (.unknown, 0)
                }
            case .fetched(var machine):
                let answer = machine.find(id, at: environment.monotonicNow())
                state.source = .fetched(machine)
                return (answer, machine.fetchCount)
            }
        }
    }

    private static func key(_ answer: KeySetStateMachine.Answer) throws(TokenError) -> TokenKey {
        switch answer {
        case .key(let key):
            return key
        case .nameNeeded:
            throw TokenError(.key, "the token names no key (kid), and its issuer has several")
        case .unknown:
            throw TokenError(.key, "the token is signed with a key that its issuer does not have")
        case .unavailable, .wait:
            throw TokenError(.unavailable, "the keys of the token's issuer cannot be obtained at the moment; try again")
        }
    }

    private func waitForFetch(after count: UInt64) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.waitUntilFetched(after: count) }
            group.addTask {
                // Cancelled when the fetch has ended.
                try? await self.environment.sleep(Self.patience)
            }
            await group.next()
            group.cancelAll()
        }
    }

    private func waitUntilFetched(after count: UInt64) async {
        let number = state.withLock { state in
            defer { state.nextWaiter += 1 }
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    // Looked at under the lock, so that a cancellation after it finds who waits.
                    guard case .fetched(let machine) = state.source, machine.fetchCount == count, !Task.isCancelled
                    else {
                        return true
                    }
                    state.waiters[number] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: number) }?.resume()
        }
    }

    /// The time since the keys were fetched; `nil` for those that are not, and before the first time.
    package var age: Duration? {
        state.withLock { state in
            guard case .fetched(let machine) = state.source else { return nil }
            return machine.age(at: environment.monotonicNow())
        }
    }

    // MARK: Fetching

    /// Fetches the keys whenever that is due, until the task is cancelled.
    package func run() async {
        guard let fetch else { return }
        while !Task.isCancelled {
            switch next() {
            case .fetch:
                do {
                    let set = try await KeySet(try await fetch(), issuer: issuer)
                    didFetch(set)
                } catch {
                    didFail(error)
                }
            case .sleep(let time):
                await withTaskGroup(of: Void.self) { group in
                    group.addTask { _ = await self.requests.wait() }
                    group.addTask { try? await self.environment.sleep(time) }
                    await group.next()
                    group.cancelAll()
                }
            }
        }
    }

    private func next() -> KeySetStateMachine.NextAction {
        state.withLock { state in
            guard case .fetched(var machine) = state.source else { preconditionFailure("fixed keys are not fetched") }
            defer { state.source = .fetched(machine) }
            return machine.next(at: environment.monotonicNow())
        }
    }

    private func didFetch(_ set: KeySet) {
        for problem in set.problems {
            logger.warning("key of an issuer not used", metadata: ["error.message": "\(problem)"])
        }
        var removed: Set<TokenKey.Name> = []
        var isReloading = false
        change {
            isReloading = $0.isReloading
            removed = $0.fetched(set.table, at: environment.monotonicNow())
        }
        logger.log(
            level: isReloading ? .notice : .info, "keys of an issuer fetched",
            metadata: ["keys.issuer": "\(issuer ?? "")", "keys.count": "\(set.keys.count)"])
        if !removed.isEmpty {
            logger.notice("keys of an issuer are gone", metadata: ["keys.removed": "\(removed.count)"])
        }
        onFetched(set.table, removed)
    }

    private func didFail(_ error: any Error) {
        var isReloading = false
        change {
            isReloading = $0.isReloading
            $0.failed()
        }
        guard !Task.isCancelled else { return }
        logger.log(
            level: isReloading ? .error : .warning, "keys of an issuer not fetched, the old ones are kept",
            metadata: ["keys.issuer": "\(issuer ?? "")", "error.message": "\(error)"])
    }

    /// Tells the machine, and then those that wait.
    private func change(_ body: (inout KeySetStateMachine) -> Void) {
        let waiters = state.withLock { state in
            guard case .fetched(var machine) = state.source else { preconditionFailure("fixed keys are not fetched") }
            body(&machine)
            state.source = .fetched(machine)
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.resume() }
    }
}
