package import AgentEvents
package import CoreMetrics
package import Logging
import Synchronization

/// A limit, by its name in metrics and in the log.
package enum LimitName: String, CaseIterable, Sendable {
    case rate
    case bytes
    case commands
    case connects
    case connections
    case addressConnections = "address_connections"
    case unauthenticated
    case authenticationFailures = "auth_failures"
    case userConnections = "user_connections"
    case messages
    case threads
    /// The bytes that the events of one user take.
    case storage
    /// The room on the disk. It is applied while limits are only tried out, too.
    case disk
    /// More addresses or users than are kept in mind.
    case tracking
}

/// What becomes of something that exceeds a limit, by its name in metrics.
package enum LimitAction: String, CaseIterable, Sendable {
    case refused
    case closed
    case delayed
    /// Nothing: limits are only tried out.
    case observed
    /// Nothing: whether it exceeds the limit cannot be known.
    case passed
}

/// Counts what exceeds a limit: `agent_events_limit_hits_total{limit,action}`. Where limits are only tried out it says so in
/// the log as well, about each limit once in ten seconds at most.
package final class LimitHits: Sendable {
    private let counters: [Counter]
    /// Whether limits are only tried out.
    private let dryRun: Atomic<Bool>
    private let logger: Logger
    private let environment: Environment
    private let lastLogged = Mutex<[LimitName: Int64]>([:])
    private static let logInterval: Int64 = 10_000

    package init(isDryRun: Bool, factory: any MetricsFactory, logger: Logger, environment: Environment) {
        dryRun = Atomic(isDryRun)
        self.logger = logger
        self.environment = environment
        counters = LimitName.allCases.flatMap { limit in
            LimitAction.allCases.map { action in
                ServiceMetric.limitHits.counter(limit.rawValue, action.rawValue, in: factory)
            }
        }
    }

    /// Whether limits are only tried out.
    package var isDryRun: Bool {
        get { dryRun.load(ordering: .relaxed) }
        set { dryRun.store(newValue, ordering: .relaxed) }
    }

    /// Notes that something exceeds a limit.
    ///
    /// - Parameter action: what becomes of it.
    /// - Returns: whether that is done; not when limits are only tried out.
    package func applies(_ limit: LimitName, _ action: LimitAction) -> Bool {
        let isDryRun = isDryRun
        count(limit, isDryRun ? .observed : action)
        if isDryRun { log(limit, action) }
        return !isDryRun
    }

    /// Notes that something was refused by a limit that protects the service itself: there is no trying it out.
    package func recordRefused(_ limit: LimitName) { count(limit, .refused) }

    /// More than can be kept in mind: it passes, whatever it is.
    package func recordUntracked() { count(.tracking, .passed) }

    private func count(_ limit: LimitName, _ action: LimitAction) {
        let names = LimitName.allCases
        guard let row = names.firstIndex(of: limit), let column = LimitAction.allCases.firstIndex(of: action) else {
            return
        }
        counters[row * LimitAction.allCases.count + column].increment()
    }

    private func log(_ limit: LimitName, _ action: LimitAction) {
        let now = environment.monotonicMilliseconds
        let isDue = lastLogged.withLock { last in
            if let earlier = last[limit], now - earlier < Self.logInterval { return false }
            last[limit] = now
            return true
        }
        guard isDue else { return }
        logger.notice(
            "limit exceeded, and not applied",
            metadata: ["limit.name": "\(limit.rawValue)", "limit.action": "\(action.rawValue)"])
    }
}
