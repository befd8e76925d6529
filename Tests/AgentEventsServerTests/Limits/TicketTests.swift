import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import AgentEventsTesting
import Logging
import MetricsTestKit
import Testing

@testable import AgentEventsServer

/// The admission of a connection without waiting.
@Suite struct TicketTests {
    /// Knows one token at once.
    private struct Immediate: ImmediateAuthenticator {
        let needsCredentials = true

        func authenticateAtOnce(_ credentials: Credentials) -> Result<Principal, AuthenticationError>? {
            credentials.token == "good"
                ? .success(Principal(user: "u_1")) : .failure(AuthenticationError(.invalid, "it is another one"))
        }

        func authenticate(_ credentials: Credentials) async throws(AuthenticationError) -> Principal {
            guard let answer = authenticateAtOnce(credentials) else { throw AuthenticationError(.invalid, "none") }
            return try answer.get()
        }
    }

    private static func credentials(_ token: String) -> Credentials {
        Credentials(authorization: "Bearer \(token)", path: "/v1/stream")
    }

    /// What is not admitted at once is found, told and counted where it is waited for, once.
    @Test func aRefusalIsCountedWhereItIsTold() async throws {
        let metrics = TestMetrics()
        var limits = LimitConfiguration.none
        limits.includesLoopback = true
        limits.authenticationFailuresPerAddress = RateLimit(2, per: .seconds(86_400))
        let usage = ServiceLimits(limits, metrics: metrics, logger: Logger(label: "test"), environment: .system)
        let key = usage.limited(AddressKey(try #require(ClientAddress("192.0.2.1"))))
        let ticket = ConnectionTicket(key, usage: usage)
        let (good, bad) = (Self.credentials("good"), Self.credentials("bad"))
        #expect(ticket.admitAtOnce(good, by: Immediate())?.user == "u_1")
        for _ in 0..<5 { #expect(ticket.admitAtOnce(bad, by: Immediate()) == nil) }
        // Nothing of that has counted.
        #expect(ticket.admitAtOnce(good, by: Immediate()) != nil)
        for _ in 0..<2 {
            await #expect(throws: ProtocolError.self) { try await ticket.authenticate(bad, by: Immediate()) }
        }
        for _ in 0..<5 { #expect(ticket.admitAtOnce(good, by: Immediate()) == nil) }
        await #expect(throws: ProtocolError.self) { try await ticket.authenticate(good, by: Immediate()) }
        let hits = try metrics.expectCounter(
            "agent_events_limit_hits_total", [("limit", "auth_failures"), ("action", "refused")])
        #expect(hits.totalValue == 1)
    }
}
