import AgentEventsProtocol
import Testing

struct ReconnectDelayTests {
    @Test(arguments: [(0, "reconnect_after_ms=0"), (12_000, "reconnect_after_ms=12000")] as [(Int64, String)])
    func aReasonSaysWhenToComeBack(_ milliseconds: Int64, _ reason: String) {
        #expect(ReconnectDelay(milliseconds: milliseconds).reason == reason)
        #expect(ReconnectDelay(reason: reason)?.milliseconds == milliseconds)
        // A close frame has room for 123 bytes of it.
        #expect(ReconnectDelay(milliseconds: .max).reason.utf8.count <= 123)
    }

    @Test func nobodyComesBackBeforeTheClose() {
        #expect(ReconnectDelay(milliseconds: -1).milliseconds == 0)
    }

    @Test(arguments: [
        "", "the server is going away", "reconnect_after_ms", "reconnect_after_ms=", "reconnect_after_ms=-1",
        "reconnect_after_ms=+1", "reconnect_after_ms=1.5", "reconnect_after_ms= 1", "reconnect_after_ms=1 ",
        "reconnect_after_ms=1e3", "reconnect_after_ms=0x10", "Reconnect_after_ms=1", " reconnect_after_ms=1",
        "reconnect_after_ms=\u{0661}", "reconnect_after_ms=1000000000000000000",
    ])
    func anythingElseSaysNothing(_ reason: String) {
        #expect(ReconnectDelay(reason: reason) == nil)
    }

    @Test func theLongestTimeIsRead() {
        #expect(
            ReconnectDelay(reason: "reconnect_after_ms=999999999999999999")?.milliseconds == 999_999_999_999_999_999)
    }
}
