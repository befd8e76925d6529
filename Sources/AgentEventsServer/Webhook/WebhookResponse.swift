import AgentEvents
import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Synchronization

/// Takes the head of an answer and nothing of its body. A redirect is not followed: the events would go to somebody
/// else, or a page would be fetched and pass for an answer.
final class WebhookResponse: HTTPClientResponseDelegate {
    private let answer = Mutex<WebhookAnswer?>(nil)
    private let clock: WallClock

    init(clock: WallClock) { self.clock = clock }

    func didVisitURL(task: HTTPClient.Task<WebhookAnswer>, _ request: HTTPClient.Request, _ head: HTTPResponseHead) {
        let answer = WebhookAnswer(
            status: Int(head.status.code), retryAfter: head.headers.first(name: "Retry-After"),
            location: head.headers.first(name: "Location"))
        self.answer.withLock { $0 = answer }
        if 300..<400 ~= answer.status {
            task.fail(reason: WebhookError.refused(by: answer, now: clock.now()))
        }
    }

    func didReceiveBodyPart(task: HTTPClient.Task<WebhookAnswer>, _ buffer: ByteBuffer) -> EventLoopFuture<Void> {
        task.eventLoop.makeSucceededVoidFuture()
    }

    func didFinishRequest(task: HTTPClient.Task<WebhookAnswer>) throws -> WebhookAnswer {
        guard let answer = answer.withLock({ $0 }) else {
            throw WebhookError(.unreachable, "the receiver ended its answer before it began")
        }
        return answer
    }
}

extension WebhookError {
    /// - Parameter answer: one that does not take the batch.
    static func refused(by answer: WebhookAnswer, now: Timestamp) -> WebhookError {
        WebhookError(
            answer.status == 410 ? .gone : .refused, answer.problem, status: answer.status,
            advice: answer.advice(now: now))
    }
}
