package import AgentEvents
package import AgentEventsProtocol
package import CoreMetrics
package import Logging
import Synchronization

/// Decides what an address and a user may still do, for all connections of a hub. Each answer is why something is refused, or
/// `nil`.
package final class ServiceLimits: Sendable {
    private let current: Mutex<LimitConfiguration>
    package let hits: LimitHits
    private let addresses: UsageTable<AddressKey>
    private let users: UsageTable<UserID>
    private let environment: Environment

    /// The rates of an address, by their numbers.
    private enum AddressRate {
        static let failures = 0
        static let firstConnect = 1
    }

    /// The rates of a user, by their numbers.
    private enum UserRate {
        static let requests = 0
        static let emitterRequests = 1
        static let commands = 2
        static let messages = 3
        static let firstOpened = 4
    }

    package init(
        _ configuration: LimitConfiguration,
        metrics: any MetricsFactory,
        logger: Logger,
        environment: Environment
    ) {
        current = Mutex(configuration)
        self.environment = environment
        hits = LimitHits(
            isDryRun: configuration.isDryRun, factory: metrics, logger: logger, environment: environment)
        addresses = UsageTable(
            rates: Self.addressRates(configuration), maximumConnectionCount: configuration.connectionsPerAddress,
            capacity: configuration.maximumTrackedCount)
        users = UsageTable(
            rates: Self.userRates(configuration), maximumConnectionCount: configuration.connectionsPerUser,
            capacity: configuration.maximumTrackedCount)
    }

    private static func addressRates(_ configuration: LimitConfiguration) -> [RateLimit?] {
        [configuration.authenticationFailuresPerAddress] + configuration.connectsPerAddress
    }

    private static func userRates(_ configuration: LimitConfiguration) -> [RateLimit?] {
        [
            configuration.messages, configuration.emitterMessages, configuration.commandsPerUser,
            configuration.userMessages,
        ] + configuration.openedThreads
    }

    /// The limits of now.
    package var configuration: LimitConfiguration { current.withLock { $0 } }

    /// Other limits count from now on: for what comes, and for the number of those that are there. What somebody has used so far counts
    /// as used of the new rates, too.
    package func replace(by new: LimitConfiguration) {
        let now = now
        // The tables come first: nobody uses a rate that a table does not have yet.
        addresses.replace(
            rates: Self.addressRates(new), maximumConnectionCount: new.connectionsPerAddress,
            capacity: new.maximumTrackedCount, at: now)
        users.replace(
            rates: Self.userRates(new), maximumConnectionCount: new.connectionsPerUser,
            capacity: new.maximumTrackedCount, at: now)
        hits.isDryRun = new.isDryRun
        current.withLock { $0 = new }
    }

    private var now: Int64 { environment.monotonicMilliseconds }

    // MARK: Storage

    /// Whether an event is refused because of what is stored already. The room on the disk is that of all, and of the log itself,
    /// which fails without any: that limit always counts.
    func applies(_ limit: StorageLimit) -> Bool {
        switch limit {
        case .user:
            return hits.applies(.storage, .refused)
        case .disk:
            hits.recordRefused(.disk)
            return true
        }
    }

    // MARK: Addresses

    /// The address, if it is one that is limited.
    package func limited(_ address: AddressKey?) -> AddressKey? {
        guard let address, configuration.includesLoopback || !address.isLoopback else { return nil }
        return address
    }

    /// A connection begins. One that is not refused ends with ``disconnect(_:)``.
    ///
    /// - Parameter address: one that is ``limited(_:)``.
    package func connect(_ address: AddressKey) -> ProtocolError? {
        // Counted without limits as well: there may be some later.
        let (configuration, now) = (configuration, now)
        let rates = configuration.connectsPerAddress.indices.map { AddressRate.firstConnect + $0 }
        switch addresses.with(address, { $0.connect(address, rates, at: now) }) {
        case .allowed:
            return nil
        case .untracked:
            hits.recordUntracked()
            return nil
        case .refused(nil, _):
            if hits.applies(.addressConnections, .refused) {
                return ProtocolError(
                    .tooManyConnections,
                    "an address has at most \(configuration.connectionsPerAddress ?? 0) connections at a time here: close "
                        + "one, or follow further threads over one of them", isRetryable: true,
                    retryAfterMilliseconds: Self.connectionWait)
            }
        case .refused(_, let wait):
            if hits.applies(.connects, .refused) {
                return ProtocolError(
                    .tooManyConnects,
                    "this address opens connections too often: keep one open, and wait before the next",
                    isRetryable: true, retryAfterMilliseconds: wait)
            }
        }
        addresses.with(address) { $0.connectAnyway(address) }
        return nil
    }

    package func disconnect(_ address: AddressKey) { addresses.with(address) { $0.disconnect(address) } }

    /// Whether credentials of an address are looked at.
    ///
    /// - Parameter address: one that is ``limited(_:)``; `nil` for none in particular.
    package func refusalOfCredentials(from address: AddressKey?) -> ProtocolError? {
        guard let address, configuration.authenticationFailuresPerAddress != nil else { return nil }
        let now = now
        guard
            case .refused(_, let wait) = addresses.with(
                address, { $0.check([AddressRate.failures], by: address, at: now) }),
            hits.applies(.authenticationFailures, .refused)
        else { return nil }
        return ProtocolError(
            .tooManyAuthenticationFailures,
            "too many requests of this address had credentials that do not count: wait, and send others",
            isRetryable: true, retryAfterMilliseconds: wait)
    }

    /// Whether an address has reached its limit of failed credentials. Counts nothing.
    package func doubtsCredentials(from address: AddressKey?) -> Bool {
        guard let address, configuration.authenticationFailuresPerAddress != nil else { return false }
        let now = now
        guard case .refused = addresses.with(address, { $0.check([AddressRate.failures], by: address, at: now) }) else {
            return false
        }
        return true
    }

    /// Credentials of an address did not count.
    package func recordAuthenticationFailure(from address: AddressKey?) {
        guard let address, configuration.authenticationFailuresPerAddress != nil else { return }
        let now = now
        let verdict = addresses.with(address) { $0.take([AddressRate.failures], by: address, at: now) }
        if verdict == .untracked { hits.recordUntracked() }
    }

    // MARK: Users

    /// A connection of a user begins. One that is not refused ends with ``disconnect(_:)``.
    package func connect(_ user: UserID) -> ProtocolError? {
        let now = now
        switch users.with(user, { $0.connect(user, [], at: now) }) {
        case .allowed:
            return nil
        case .untracked:
            hits.recordUntracked()
            return nil
        case .refused:
            guard hits.applies(.userConnections, .closed) else {
                users.with(user) { $0.connectAnyway(user) }
                return nil
            }
            return ProtocolError(
                .tooManyUserConnections,
                "a user has at most \(configuration.connectionsPerUser ?? 0) connections at a time: close one, or follow further threads over one of them",
                isRetryable: true, retryAfterMilliseconds: Self.connectionWait)
        }
    }

    package func disconnect(_ user: UserID) {
        users.with(user) { $0.disconnect(user) }
    }

    /// A request over HTTP.
    package func request(of principal: Principal) -> ProtocolError? {
        let number = principal.isEmitter ? UserRate.emitterRequests : UserRate.requests
        return take([number], by: principal.user, .rate) { wait in
            ProtocolError(
                .rateLimited, "these are too many requests: send it again later, and fewer of them", isRetryable: true,
                retryAfterMilliseconds: wait)
        }
    }

    /// A command over HTTP.
    package func command(of principal: Principal, in thread: ThreadID) -> ProtocolError? {
        take([UserRate.commands], by: principal.user, .commands) { wait in
            ProtocolError(
                .tooManyCommands, "these are too many commands: send it again later", isRetryable: true,
                retryAfterMilliseconds: wait, threadID: thread)
        }
    }

    /// A message to an agent, or another request that starts one.
    func message(of principal: Principal, in thread: ThreadID) -> ProtocolError? {
        take([UserRate.messages], by: principal.user, factor: factor(of: principal), .messages) { wait in
            ProtocolError(
                .tooManyMessages, "these are too many messages to agents: send it again later", isRetryable: true,
                retryAfterMilliseconds: wait, threadID: thread)
        }
    }

    /// A thread is opened.
    ///
    /// - Parameter owner: the user whose thread it becomes.
    func opening(of thread: ThreadID, for owner: UserID, by principal: Principal) -> ProtocolError? {
        let rates = configuration.openedThreads.indices.map { UserRate.firstOpened + $0 }
        return take(rates, by: owner, factor: factor(of: principal), .threads) { wait in
            ProtocolError(
                .tooManyThreads, "these are too many new threads: open another one later, or use one that is open",
                isRetryable: true, retryAfterMilliseconds: wait, threadID: thread)
        }
    }

    private func factor(of principal: Principal) -> Int { principal.isEmitter ? configuration.emitterFactor : 1 }

    private func take(
        _ rates: [Int],
        by user: UserID,
        factor: Int = 1,
        _ name: LimitName,
        _ error: (Int64?) -> ProtocolError
    ) -> ProtocolError? {
        guard !rates.isEmpty else { return nil }
        let now = now
        switch users.with(user, { $0.take(rates, by: user, factor: factor, at: now) }) {
        case .allowed: return nil
        case .untracked:
            hits.recordUntracked()
            return nil
        case .refused(_, let wait): return hits.applies(name, .refused) ? error(wait) : nil
        }
    }

    /// The time after which a client tries again to get a connection, in milliseconds: when one is free is not known.
    private static let connectionWait: Int64 = 5000
}

extension Principal {
    /// Whether the credentials are those of a program that emits.
    var isEmitter: Bool { scopes.contains(.emit) }
}
