import AgentEvents
import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Synchronization

/// A request under way, whose answer one reader takes piece by piece. Nothing of the answer is read from the connection before the piece
/// before it was taken and the next one asked for.
final class AnswerExchange: HTTPClientResponseDelegate {
    typealias Response = Void

    private let machine = Mutex(ExchangeStateMachine())

    /// Sends a request for the length of a scope: when it ends, or its task is cancelled, and the answer is not whole, the connection is
    /// closed.
    ///
    /// - Parameter body: gets the answer.
    static func send<Result>(
        _ request: HTTPClient.Request, with client: HTTPClient,
        _ body: (_ answer: Answer) async throws -> Result
    ) async throws -> Result {
        let exchange = AnswerExchange()
        let task = client.execute(request: request, delegate: exchange)
        task.futureResult.whenComplete { exchange.end($0) }
        return try await withTaskCancellationHandler {
            // Without effect when the answer is whole.
            defer { task.fail(reason: CancellationError()) }
            return try await body(Answer(exchange: exchange, task: task))
        } onCancel: {
            task.fail(reason: CancellationError())
        }
    }

    /// The answer, for its reader.
    struct Answer: Sendable {
        fileprivate let exchange: AnswerExchange
        fileprivate let task: HTTPClient.Task<Void>

        /// The time of the loop on which the answer is read, for deadlines.
        var now: NIODeadline { task.eventLoop.now }

        /// The next piece; `nil` at the end.
        ///
        /// - Parameter deadline: the time by which it is there.
        /// - Throws: ``ModelError`` `model.timed_out` after the deadline, `CancellationError`, and what breaks the connection.
        func next(by deadline: NIODeadline) async throws -> ExchangeItem? {
            let timer = task.eventLoop.scheduleTask(deadline: deadline) { [task] in
                task.fail(reason: ModelError(.timedOut, "nothing came from the provider for too long"))
            }
            defer { timer.cancel() }
            return try await exchange.next()
        }
    }

    private func next() async throws -> ExchangeItem? {
        try await withCheckedThrowingContinuation { reader in
            switch machine.withLock({ $0.asked(by: reader) }) {
            case .wait(let demand): demand?.succeed(())
            case .give(let item): reader.resume(returning: item)
            case .end(let result): reader.resume(with: result.map { _ in nil })
            }
        }
    }

    private func end(_ result: Result<Void, any Error>) {
        let action = machine.withLock { $0.ended(result) }
        action.demand?.succeed(())
        action.reader?.resume(with: result.map { _ in nil })
    }

    private func arrive(_ item: ExchangeItem, on eventLoop: any EventLoop) -> EventLoopFuture<Void> {
        let demand = eventLoop.makePromise(of: Void.self)
        switch machine.withLock({ $0.arrived(item, demand) }) {
        case .give(let reader): reader.resume(returning: item)
        case .hold: break
        case .drop: demand.succeed(())
        }
        return demand.futureResult
    }

    // MARK: HTTPClientResponseDelegate

    func didVisitURL(task: HTTPClient.Task<Void>, _ request: HTTPClient.Request, _ head: HTTPResponseHead) {
        // The conversation would go to somebody else, or a page would be fetched and pass for an answer.
        guard 300..<400 ~= head.status.code else { return }
        let status = Int(head.status.code)
        task.fail(
            reason: ModelError(
                .refused, "the provider answered with \(status), which is not followed", status: status))
    }

    func didReceiveHead(task: HTTPClient.Task<Void>, _ head: HTTPResponseHead) -> EventLoopFuture<Void> {
        arrive(.head(head), on: task.eventLoop)
    }

    func didReceiveBodyPart(task: HTTPClient.Task<Void>, _ buffer: ByteBuffer) -> EventLoopFuture<Void> {
        arrive(.bytes(buffer), on: task.eventLoop)
    }

    func didFinishRequest(task: HTTPClient.Task<Void>) {}
}
