import HTTPTypes
import HummingbirdCore
import NIOCore

/// The body of a request whose client waits for a word before it sends it: who begins to read gives the word.
struct AwaitedBody: AsyncSequence, Sendable {
    typealias Element = ByteBuffer

    private let base: RequestBody
    private let channel: any Channel

    struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate var base: RequestBody.AsyncIterator
        fileprivate let channel: any Channel
        private var hasAsked = false

        fileprivate init(base: RequestBody.AsyncIterator, channel: any Channel) {
            self.base = base
            self.channel = channel
        }

        @concurrent
        mutating func next() async throws -> ByteBuffer? {
            if !hasAsked {
                hasAsked = true
                channel.triggerUserOutboundEvent(RequestBodyHandler.BodyWanted(), promise: nil)
            }
            return try await base.next()
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(base: base.makeAsyncIterator(), channel: channel) }

    /// The request, with such a body if its client waits.
    static func wrap(_ request: Request, _ channel: any Channel) -> Request {
        guard request.headers[.expect] != nil else { return request }
        var request = request
        request.body = RequestBody(asyncSequence: AwaitedBody(base: request.body, channel: channel))
        return request
    }
}
