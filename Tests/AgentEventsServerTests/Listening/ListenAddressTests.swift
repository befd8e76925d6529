import AgentEventsServer
import Testing

@Suite struct ListenAddressTests {
    @Test(arguments: [
        ("127.0.0.1:8080", ListenAddress.host("127.0.0.1", port: 8080)),
        ("localhost:0", .host("localhost", port: 0)),
        ("[::1]:65535", .host("::1", port: 65535)),
        ("0.0.0.0:80", .host("0.0.0.0", port: 80)),
        ("unix:/run/agent-events.sock", .unixSocket(path: "/run/agent-events.sock")),
        ("unix:a.sock", .unixSocket(path: "a.sock")),
    ])
    func anAddressIsRead(text: String, address: ListenAddress) throws {
        #expect(try ListenAddress(text) == address)
        #expect(address.description == text)
    }

    @Test(arguments: [
        ("unix:", ServiceError.Code.socketInvalid), ("8080", .portInvalid), ("localhost", .portInvalid),
        ("localhost:", .portInvalid), ("localhost:-1", .portInvalid), ("localhost:65536", .portInvalid),
        ("localhost:8o", .portInvalid), (":8080", .hostInvalid), ("::1:8080", .hostInvalid), ("[::1]", .portInvalid),
        ("", .portInvalid), ("localhost:99999999999999999999", .portInvalid), ("[]:80", .hostInvalid),
    ])
    func whatIsNoAddressIsRefused(text: String, code: ServiceError.Code) throws {
        let error = #expect(throws: ServiceError.self) { try ListenAddress(text) }
        #expect(error?.code == code)
    }
}
