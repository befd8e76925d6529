import AgentEventsHub
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import AgentEventsHub
@testable import AgentEventsServer

/// Who gets which answer when what comes is no HTTP, and requests came ahead of the answers to those before.
struct ParseErrorHandlerTests {
    enum Step: Hashable, Sendable {
        /// A request begins, and ends.
        case head, end
        /// Its answer begins, and ends.
        case answer, answered
        case nonsense
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var steps: [Step]
        /// The heads of answers, their ends, and the close.
        var sent: [String]
        /// Whether who reads a body is told that it is not whole.
        var tellsReader = false

        var testDescription: String { name }
    }

    static let cases = [
        Case(name: "nothing but nonsense", steps: [.nonsense, .nonsense], sent: ["400", "end", "close"]),
        Case(
            name: "behind an answer", steps: [.head, .end, .answer, .answered, .nonsense],
            sent: ["200", "end", "400", "end", "close"]),
        Case(
            name: "in a body", steps: [.head, .nonsense, .answer, .answered], sent: ["400", "end", "close"],
            tellsReader: true),
        Case(
            name: "in a body whose answer has begun", steps: [.head, .answer, .nonsense, .answered],
            sent: ["200", "end", "close"], tellsReader: true),
        Case(
            name: "in a body whose answer has ended", steps: [.head, .answer, .answered, .nonsense],
            sent: ["200", "end", "close"], tellsReader: true),
        Case(
            name: "behind a body whose answer had ended before", steps: [.head, .answer, .answered, .end, .nonsense],
            sent: ["200", "end", "400", "end", "close"]),
        Case(
            name: "behind a request", steps: [.head, .end, .nonsense, .answer, .answered],
            sent: ["200", "end", "close"]),
        Case(
            name: "behind a second request while the first is answered",
            steps: [.head, .end, .head, .end, .answer, .nonsense, .answered, .answer, .answered, .answer],
            sent: ["200", "end", "200", "end", "close"]),
        Case(
            name: "behind a second request while that is carried out",
            steps: [.head, .end, .head, .end, .answer, .answered, .nonsense, .answer, .answered],
            sent: ["200", "end", "200", "end", "close"]),
        Case(
            name: "in a second body while the first request is carried out",
            steps: [.head, .end, .head, .nonsense, .answer, .answered, .answer, .answered],
            sent: ["200", "end", "400", "end", "close"], tellsReader: true),
        Case(
            name: "in a second body while the first request is answered",
            steps: [.head, .end, .head, .answer, .nonsense, .answered, .answer, .answered],
            sent: ["200", "end", "400", "end", "close"], tellsReader: true),
    ]

    @Test(arguments: cases)
    func everyRequestThatIsWholeGetsItsAnswer(_ example: Case) throws {
        let origins = OriginPolicy(allowedOrigins: [], needsCredentials: false)
        var failures: [RequestFailure] = []
        let channel = EmbeddedChannel(handler: ParseErrorHandler(origins: origins) { failures.append($0) })
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        for step in example.steps { Self.feed(step, to: channel) }
        var sent: [String] = []
        while let part = try channel.readOutbound(as: HTTPServerResponsePart.self) {
            switch part {
            case .head(let head): sent.append("\(head.status.code)")
            case .body: break
            case .end: sent.append("end")
            }
        }
        if !channel.isActive { sent.append("close") }
        #expect(sent == example.sent)
        // Whatever is answered, it is counted, and once.
        #expect(failures == [.invalid])
        let isTold = (try? channel.throwIfErrorCaught()) == nil
        #expect(isTold == example.tellsReader)
        _ = try? channel.finish(acceptAlreadyClosed: true)
    }

    private static func feed(_ step: Step, to channel: EmbeddedChannel) {
        switch step {
        case .head:
            channel.pipeline.fireChannelRead(
                HTTPServerRequestPart.head(
                    HTTPRequestHead(version: .http1_1, method: .POST, uri: "/", headers: ["Host": "localhost"])))
        case .end: channel.pipeline.fireChannelRead(HTTPServerRequestPart.end(nil))
        case .answer:
            channel.writeAndFlush(
                HTTPServerResponsePart.head(HTTPResponseHead(version: .http1_1, status: .ok)), promise: nil)
        case .answered: channel.writeAndFlush(HTTPServerResponsePart.end(nil), promise: nil)
        case .nonsense: channel.pipeline.fireErrorCaught(HTTPParserError.invalidMethod)
        }
    }
}
