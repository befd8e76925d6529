import AgentEvents
import Testing

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
            (301, nil, SinkRetryAdvice.never), (400, nil, .never), (401, nil, .never), (404, "5", .never),
            (408, nil, .asUsual), (410, nil, .never), (413, nil, .never), (422, nil, .never), (425, nil, .asUsual),
            (429, nil, .asUsual), (429, "0", .after(.zero)), (429, "7", .after(.seconds(7))),
            (500, nil, .asUsual), (500, "7", .asUsual), (503, nil, .asUsual), (503, "7", .after(.seconds(7))),
            (503, "-7", .asUsual), (503, "soon", .asUsual), (503, "99999999999", .after(.seconds(3600))),
            (503, "Sun, 06 Nov 1994 08:50:07 GMT", .after(.seconds(30))),
            (503, "Sun, 06 Nov 1994 08:00:00 GMT", .after(.zero)),
            (503, "Mon, 06 Nov 2034 08:00:00 GMT", .after(.seconds(3600))),
            (503, "Sun, 06 Now 1994 08:50:07 GMT", .asUsual), (599, nil, .asUsual),
        ] as [(Int, String?, SinkRetryAdvice)])
    func saysWhenToTryAgain(status: Int, retryAfter: String?, advice: SinkRetryAdvice) {
        #expect(WebhookAnswer(status: status, retryAfter: retryAfter).advice(now: now) == advice)
    }
}
