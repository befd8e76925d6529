import AgentEventsClient
import AgentEventsProtocol
import Testing

@testable import agent_events

struct ClientFailureTests {
    /// Of a request, and of a connection that is closed.
    @Test func aMissingTokenIsToldInWordsOfTheCommandLine() throws {
        let refusal = ProtocolError(.authenticationMissing, "there was no token in time")
        let closed = AgentEventsClientError(closeCode: 4401, reason: "auth.missing")
        for error in [AgentEventsClientError(refusal), closed] {
            #expect(
                ClientFailure.text(for: error)
                    == "auth.missing: the service asks for a token: give --token-file or --token")
        }
        #expect(ClientFailure.text(for: AgentEventsClientError(.closed, "x")) == "x")
    }
}
