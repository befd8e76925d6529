import AgentEventsTestSupport
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOEmbedded
import Testing

@testable import AgentEventsServer

struct ErrorBodiesTests {
    private struct Failure: Error {}

    /// The line about a request that failed names the trace of its sender, if that is one.
    @Test(
        arguments: [
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "4bf92f3577b34da6a3ce929d0e0e4736"),
            ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", nil), ("none", nil), (nil, nil),
        ] as [(String?, String?)])
    func aFailureIsLoggedWithTheTraceOfTheRequest(_ header: String?, _ traceID: String?) async throws {
        let lines = LineRecord<[String: String]>()
        let logger = Logger(label: "test") { _ in
            RecordingLogHandler { _, message, metadata in if message == "request failed" { lines.append(metadata) } }
        }
        var fields = HTTPFields()
        if let header, let name = HTTPField.Name("traceparent") { fields[name] = header }
        let request = Request(
            head: HTTPRequest(method: .get, scheme: "http", authority: "localhost", path: "/x", headerFields: fields),
            body: RequestBody(buffer: ByteBuffer()))
        let channel = NIOAsyncTestingChannel()
        let context = BasicRequestContext(
            source: ApplicationRequestContextSource(channel: channel, logger: logger))
        let response = try await ErrorBodies<BasicRequestContext>().handle(request, context: context) { _, _ in
            throw Failure()
        }
        _ = try await channel.finish(acceptAlreadyClosed: true)
        #expect(response.status == .internalServerError)
        #expect(lines.all.map { $0["trace.id"] } == [traceID])
    }
}
