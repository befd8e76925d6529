import AgentEvents
import CoreMetrics
import MetricsTestKit
import Synchronization
import Testing

@testable import AgentEventsHub

struct ServiceMetricTests {
    @Test func namesAreWhatPrometheusExpects() {
        #expect(Set(ServiceMetric.all.map(\.name)).count == ServiceMetric.all.count)
        for metric in ServiceMetric.all {
            #expect(metric.name.hasPrefix("agent_events_"))
            #expect(metric.name.hasSuffix("_total") == (metric.kind == .counter), "\(metric.name)")
            let isTime = metric.name.hasSuffix("_seconds")
            #expect(metric.kind != .histogram || isTime, "\(metric.name)")
            #expect(!metric.help.isEmpty && metric.help.hasSuffix("."))
            // No id is a label.
            let isBounded = metric.labels.allSatisfy { !$0.contains("id") && !["user", "thread", "run"].contains($0) }
            #expect(isBounded, "\(metric.name)")
        }
    }

    @Test func eachTypeOfEventIsCountedUnderItsName() throws {
        let factory = TestMetrics()
        let metrics = CommitMetrics(factory: factory)
        let owner = ThreadOwner(thread: "t", user: "u")
        var entries: [LogEntry] = []
        for (number, type) in EventType.allCases.enumerated() {
            // Each a number of times of its own.
            for _ in 0...number {
                let id = EventID(generation: 1, sequence: UInt64(entries.count + 1))
                entries.append(LogEntry(owner: owner, id: id, type: type, run: nil, bytes: []))
            }
        }
        metrics.didCommit(LogCommit(entries: entries, time: Timestamp(milliseconds: 0)), upTo: 1)
        metrics.didTake(.milliseconds(3))
        for (number, type) in EventType.allCases.enumerated() {
            let counter = try factory.expectCounter(
                "agent_events_events_committed_total", [("type", type.rawValue)])
            #expect(counter.totalValue == Int64(number + 1), "\(type)")
        }
        #expect(try factory.expectCounter("agent_events_commits_total").totalValue == 1)
        #expect(try factory.expectTimer("agent_events_commit_duration_seconds").values == [3_000_000])
    }

    @Test func credentialsAreCounted() async throws {
        let factory = TestMetrics()
        let measured = MeasuredAuthenticator(OneToken(), environment: .system, factory: factory)
        #expect(measured.needsCredentials)
        for token in ["Bearer good", "Bearer old", "Bearer older", nil] {
            _ = try? await measured.authenticate(
                Credentials(authorization: token, subprotocols: [], path: "/"))
        }
        func count(_ outcome: String, _ reason: String) throws -> Int64 {
            try factory.expectCounter("agent_events_auth_total", [("outcome", outcome), ("reason", reason)]).totalValue
        }
        #expect(try count("accepted", "none") == 1)
        #expect(try count("refused", "auth.expired") == 2)
        #expect(try count("refused", "auth.missing") == 1)
        #expect(try factory.expectTimer("agent_events_auth_duration_seconds").values.count == 4)
    }

    @Test func whoIsKnownAtOnceIsCounted() throws {
        let factory = TestMetrics()
        let credentials = Credentials(authorization: nil, subprotocols: [], path: "/")
        let measured = MeasuredAuthenticator(NoAuthentication(), environment: .system, factory: factory)
        #expect(try measured.authenticateAtOnce(credentials)?.get().user == "local")
        let accepted = try factory.expectCounter(
            "agent_events_auth_total", [("outcome", "accepted"), ("reason", "none")])
        #expect(accepted.totalValue == 1)
        #expect(try factory.expectTimer("agent_events_auth_duration_seconds").values.count == 1)
        // Who is asked is counted then.
        let asked = MeasuredAuthenticator(OneToken(), environment: .system, factory: factory)
        #expect(asked.authenticateAtOnce(credentials) == nil)
        #expect(try factory.expectTimer("agent_events_auth_duration_seconds").values.count == 1)
    }

    /// A refusal is kept, which may block: on the task that asks, and not where an answer is wanted at once.
    @Test func aRefusalIsCountedAndKeptWhenItIsAskedFor() async throws {
        let factory = TestMetrics()
        let trail = CountingTrail()
        let credentials = Credentials(authorization: "Bearer old", subprotocols: [], path: "/")
        let measured = MeasuredAuthenticator(KnownToBeOld(), environment: .system, audit: trail, factory: factory)
        #expect(measured.authenticateAtOnce(credentials) == nil)
        #expect(trail.count == 0)
        let error = await #expect(throws: AuthenticationError.self) { _ = try await measured.authenticate(credentials) }
        #expect(error?.code == .expired)
        #expect(trail.count == 1)
        let refused = try factory.expectCounter(
            "agent_events_auth_total", [("outcome", "refused"), ("reason", "auth.expired")])
        #expect(refused.totalValue == 1)
        #expect(try factory.expectTimer("agent_events_auth_duration_seconds").values.count == 1)
    }

    @Test func aTotalOnlyGrows() throws {
        let factory = TestMetrics()
        var total = TotalCounter(ServiceMetric.commits.counter(in: factory))
        for value: Int64 in [0, 3, 3, 2, 7] { total.set(value) }
        #expect(try factory.expectCounter("agent_events_commits_total").totalValue == 7)
    }
}

/// Takes the token `good`.
private struct OneToken: Authenticator {
    var needsCredentials: Bool { true }

    func authenticate(_ credentials: Credentials) async throws(AuthenticationError) -> Principal {
        guard let token = credentials.token else { throw AuthenticationError(.missing, "none") }
        guard token == "good" else { throw AuthenticationError(.expired, "old") }
        return Principal(user: "u")
    }
}

/// Knows at once that a token counts no longer.
private struct KnownToBeOld: ImmediateAuthenticator {
    var needsCredentials: Bool { true }

    func authenticate(_ credentials: Credentials) async throws(AuthenticationError) -> Principal { throw .expired }

    func authenticateAtOnce(_ credentials: Credentials) -> Result<Principal, AuthenticationError>? {
        .failure(.expired)
    }
}

/// Counts what it is to keep.
private final class CountingTrail: AuditTrail {
    private let entries = Atomic<Int>(0)

    var count: Int { entries.load(ordering: .sequentiallyConsistent) }

    func record(_ entry: AuditEntry) { entries.add(1, ordering: .sequentiallyConsistent) }
}
