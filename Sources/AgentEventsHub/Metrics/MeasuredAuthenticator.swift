import AgentEvents
import CoreMetrics
import Synchronization

/// Counts how requests are authenticated, measures how long that takes, and has some of the refusals kept.
final class MeasuredAuthenticator: NestedAuthenticator, ImmediateAuthenticator {
    let base: any Authenticator
    private let immediate: (any ImmediateAuthenticator)?
    private let environment: Environment
    private let audit: (any AuditTrail)?
    private let sampling = Mutex(AuditSampling())
    private let accepted: Counter
    /// Made when a code comes for the first time; there are few.
    private let refused = Mutex<[AuthenticationError.Code: Counter]>([:])
    private let factory: any MetricsFactory
    private let duration: Timer

    init(
        _ base: any Authenticator, environment: Environment, audit: (any AuditTrail)? = nil,
        factory: any MetricsFactory
    ) {
        self.base = base
        immediate = base as? any ImmediateAuthenticator
        self.environment = environment
        self.audit = audit
        accepted = ServiceMetric.authentications.counter("accepted", "none", in: factory)
        self.factory = factory
        duration = ServiceMetric.authenticationDuration.timer(in: factory)
    }

    var needsCredentials: Bool { base.needsCredentials }

    func authenticate(_ credentials: Credentials) async throws(AuthenticationError) -> Principal {
        let start = environment.monotonicNow()
        defer { duration.record(environment.monotonicNow() - start) }
        do throws(AuthenticationError) {
            let principal = try await base.authenticate(credentials)
            accepted.increment()
            return principal
        } catch {
            counter(of: error.code).increment()
            keep(error, credentials)
            throw error
        }
    }

    func authenticateAtOnce(_ credentials: Credentials) -> Result<Principal, AuthenticationError>? {
        let start = environment.monotonicNow()
        // A refusal is kept, which may block: it is asked for once more, on a task.
        guard case .success(let principal)? = immediate?.authenticateAtOnce(credentials) else { return nil }
        accepted.increment()
        duration.record(environment.monotonicNow() - start)
        return .success(principal)
    }

    private func keep(_ error: AuthenticationError, _ credentials: Credentials) {
        guard let audit, let skipped = sampling.withLock({ $0.take(at: environment.monotonicNow()) }) else { return }
        audit.record(
            AuditEntry(
                who: "unknown", from: credentials.client, what: "auth.refused",
                details: ["code": .string("\(error.code)"), "not_kept": .integer(skipped)]))
    }

    private func counter(of code: AuthenticationError.Code) -> Counter {
        refused.withLock { refused in
            if let known = refused[code] { return known }
            let new = ServiceMetric.authentications.counter("refused", "\(code)", in: factory)
            refused[code] = new
            return new
        }
    }
}
