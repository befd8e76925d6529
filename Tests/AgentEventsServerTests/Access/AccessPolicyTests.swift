import AgentEventsHub
import AgentEventsServer
import Testing

struct AccessPolicyTests {
    private struct Closed: Authenticator {
        var needsCredentials: Bool { true }
        func authenticate(_ credentials: Credentials) async throws(AuthenticationError) -> Principal {
            throw AuthenticationError(.missing, "send a token")
        }
    }

    @Test(arguments: ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost", "LOCALHOST"])
    func withoutAuthenticationLoopbackIsServed(_ host: String) throws {
        try AccessPolicy.validate(host: host, authenticator: NoAuthentication())
    }

    @Test(arguments: [
        "0.0.0.0", "::", "192.168.1.1", "example.com", "127.0.0.1.example.com", "127.0.0", "1.127.0.0", "",
        "::ffff:10.0.0.1", "localhost.example.com",
    ])
    func withoutAuthenticationNothingElseIs(_ host: String) throws {
        let error = try #require(throws: ServiceError.self) {
            try AccessPolicy.validate(host: host, authenticator: NoAuthentication())
        }
        #expect(error.code == .openAccess)
        try AccessPolicy.validate(host: host, authenticator: Closed())
    }
}
