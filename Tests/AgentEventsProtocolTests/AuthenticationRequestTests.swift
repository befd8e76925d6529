import AgentEvents
import Testing

@testable import AgentEventsProtocol

struct AuthenticationRequestTests {
    @Test func theTokenIsRead() throws {
        #expect(
            try AuthenticationRequest.decode(Array(#"{"op":"auth","req":7,"token":"a.b.c"}"#.utf8))
                == AuthenticationRequest(tag: RequestTag(7), token: "a.b.c"))
        #expect(
            try AuthenticationRequest.decode(Array(#"{"token":"","op":"auth"}"#.utf8))
                == AuthenticationRequest(tag: nil, token: ""))
    }

    /// Nothing of what was sent is repeated: it may be a token in the wrong place.
    @Test(arguments: [
        "", "secret", #""secret""#, #"["secret"]"#, #"{"op":"subscribe","thread_id":"secret"}"#, #"{"op":"auth"}"#,
        #"{"op":"auth","token":["secret"]}"#, #"{"op":"auth","token":"a","secret":1}"#,
        #"{"op":"auth","token":"a","token":"secret"}"#, #"{"op":"auth","req":{},"token":"secret"}"#,
        #"{"token":"secret"}"#,
        #"{"op":"AUTH","token":"secret"}"#,
    ])
    func everythingElseIsRefused(_ text: String) {
        let error = #expect(throws: ProtocolError.self) { try AuthenticationRequest.decode(Array(text.utf8)) }
        #expect(error?.code == .authenticationMissing)
        #expect(error?.message.contains("secret") == false)
    }

    @Test func aMessageHasALimit() {
        let start = #"{"op":"auth","token":""#
        let room = AuthenticationRequest.maximumByteCount - start.utf8.count - 2
        #expect(throws: Never.self) {
            try AuthenticationRequest.decode(Array((start + String(repeating: "a", count: room) + "\"}").utf8))
        }
        #expect(throws: ProtocolError.self) {
            try AuthenticationRequest.decode(Array((start + String(repeating: "a", count: room + 1) + "\"}").utf8))
        }
    }
}
