import AgentEvents
import Testing

@testable import AgentEventsHub
@testable import AgentEventsServer

/// What each answer says about a batch.
struct WebhookAnswerTests {
    // Sun, 06 Nov 1994 08:49:37 GMT
    private let now = Timestamp(milliseconds: 784_111_777_000)

    @Test(arguments: [(199, false), (200, true), (204, true), (299, true), (300, false), (404, false)])
    func onlyStatusesOfTwoHundredTakeABatch(status: Int, isTaken: Bool) {
        #expect(WebhookAnswer(status: status).isTaken == isTaken)
    }

    @Test(
        arguments: [
            (300, nil, SinkRetryAdvice.asUsual), (301, nil, .asUsual), (302, "5", .asUsual), (304, nil, .asUsual),
            (308, nil, .asUsual), (400, nil, .asUsual), (401, nil, .asUsual), (403, nil, .asUsual),
            (404, "5", .asUsual), (405, nil, .asUsual), (408, nil, .asUsual), (409, nil, .asUsual),
            (410, nil, .stop), (410, "5", .stop), (413, nil, .asUsual), (422, nil, .asUsual), (425, nil, .asUsual),
            (429, nil, .asUsual), (429, "0", .after(.zero)), (429, "7", .after(.seconds(7))),
            (451, nil, .asUsual), (500, nil, .asUsual), (500, "7", .asUsual), (501, nil, .asUsual),
            (503, nil, .asUsual), (503, "7", .after(.seconds(7))), (199, nil, .asUsual), (999, nil, .asUsual),
            (503, "-7", .asUsual), (503, "soon", .asUsual), (503, "99999999999", .after(.seconds(3600))),
            (503, "Sun, 06 Nov 1994 08:50:07 GMT", .after(.seconds(30))),
            (503, "Sun, 06 Nov 1994 08:00:00 GMT", .after(.zero)),
            (503, "Mon, 06 Nov 2034 08:00:00 GMT", .after(.seconds(3600))),
            (503, "Sun, 06 Now 1994 08:50:07 GMT", .asUsual), (599, nil, .asUsual),
        ] as [(Int, String?, SinkRetryAdvice)])
    func saysWhenToTryAgain(status: Int, retryAfter: String?, advice: SinkRetryAdvice) {
        #expect(WebhookAnswer(status: status, retryAfter: retryAfter).advice(now: now) == advice)
    }

    @Test(arguments: [
        ("https://example.com/login?token=abc#x", "https://example.com/login"), ("/elsewhere?secret=1", "/elsewhere"),
        ("https://u:p@example.com/a@b?c", "https://example.com/a@b"), ("//u@example.com", "//example.com"),
        ("elsewhere#a?b", "elsewhere"), ("?token=1", ""), ("", ""),
        (String(repeating: "a", count: 500), String(repeating: "a", count: 200)),
    ])
    func anAddressIsShownWithoutItsSecrets(address: String, shown: String) {
        #expect(WebhookAnswer.shown(address) == shown)
    }

    @Test func aRedirectSaysWhereItPointed() {
        let answer = WebhookAnswer(status: 302, location: "https://example.com/login?next=secret")
        #expect(answer.problem.hasSuffix("it points to https://example.com/login"))
        #expect(!WebhookAnswer(status: 302).problem.contains("points"))
        #expect(!WebhookAnswer(status: 500, location: "/x").problem.contains("/x"))
    }
}
