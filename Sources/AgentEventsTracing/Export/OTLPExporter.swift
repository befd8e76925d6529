import AgentEvents
public import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Synchronization

/// Sends spans to a collector of OpenTelemetry: OTLP as JSON, by `POST` to `/v1/traces`.
///
/// 429, 502, 503, 504 and no answer are worth another try; with 429 and 503 after `Retry-After`, where it is a number of
/// seconds, but within a minute. All other answers but those of 2xx refuse the spans for good, as the protocol asks for.
/// Redirects are not followed.
public struct OTLPExporter: SpanExporter {
    public let endpoint: OTLPEndpoint
    /// The name of the service, as collectors show it (`service.name`).
    public let serviceName: String
    private let version: String
    private let client: HTTPClient

    /// - Parameters:
    ///   - serviceName: as `OTEL_SERVICE_NAME` has it.
    ///   - version: of the program.
    ///   - client: makes the requests; its owner shuts it down. Default: the shared one.
    public init(
        _ endpoint: OTLPEndpoint,
        serviceName: String = "agent-events",
        version: String = "unreleased",
        client: HTTPClient = .shared
    ) {
        self.endpoint = endpoint
        self.serviceName = serviceName
        self.version = version
        self.client = client
    }

    public func export(_ spans: [TraceSpan], within limit: Duration) async -> SpanExportResult {
        var headers = HTTPHeaders(endpoint.headers.map { ($0.name, $0.value) })
        headers.replaceOrAdd(name: "Content-Type", value: "application/json")
        let body = OTLPDocument.body(of: spans, service: serviceName, version: version)
        do {
            let request = try HTTPClient.Request(
                url: endpoint.url, method: .POST, headers: headers, body: .bytes(body))
            // By a future, which does not look at cancellation: the last spans of a runtime that stops are sent in a cancelled
            // task.
            let answer = try await client.execute(
                request: request, delegate: OTLPResponse(), deadline: .now() + TimeAmount(limit)
            ).get()
            return answer.result
        } catch let error as RedirectError {
            return .refused("the collector answered with \(error.status), which is not followed")
        } catch {
            return .unavailable("the collector did not answer: \(error)", retryAfter: nil)
        }
    }
}

private struct RedirectError: Error {
    let status: Int
}

/// The answer of a collector.
struct OTLPAnswer: Hashable, Sendable {
    var status: Int
    var retryAfter: String?
    /// The body, as far as it is looked at.
    var body: [UInt8] = []

    var result: SpanExportResult {
        switch status {
        case 200..<300: .taken(rejectedCount: rejectedCount)
        case 429, 502, 503, 504:
            .unavailable("the collector answered with \(status)", retryAfter: pause)
        default: .refused("the collector answered with \(status)")
        }
    }

    private var pause: Duration? {
        guard status == 429 || status == 503, let seconds = retryAfter.flatMap({ Int64($0) }), seconds >= 0 else {
            return nil
        }
        return .seconds(min(seconds, 86_400))
    }

    /// `{"partialSuccess":{"rejectedSpans":"3"}}`: a number, or a string as 64-bit integers are.
    private var rejectedCount: Int {
        guard let rejected = (try? JSONValue(parsing: body))?["partialSuccess"]?["rejectedSpans"] else { return 0 }
        return max(0, rejected.integerValue.map { Int(clamping: $0) } ?? rejected.stringValue.flatMap { Int($0) } ?? 0)
    }
}

/// Takes the head of an answer, and the beginning of its body.
private final class OTLPResponse: HTTPClientResponseDelegate {
    private static let maximumBodyByteCount = 64 * 1024
    private let answer = Mutex<OTLPAnswer?>(nil)

    func didVisitURL(task: HTTPClient.Task<OTLPAnswer>, _ request: HTTPClient.Request, _ head: HTTPResponseHead) {
        let status = Int(head.status.code)
        answer.withLock { $0 = OTLPAnswer(status: status, retryAfter: head.headers.first(name: "Retry-After")) }
        // Spans would go to somebody else, or a page would be fetched and pass for an answer.
        if 300..<400 ~= status { task.fail(reason: RedirectError(status: status)) }
    }

    func didReceiveBodyPart(task: HTTPClient.Task<OTLPAnswer>, _ buffer: ByteBuffer) -> EventLoopFuture<Void> {
        answer.withLock { answer in
            let room = Self.maximumBodyByteCount - (answer?.body.count ?? 0)
            answer?.body += buffer.readableBytesView.prefix(max(0, room))
        }
        return task.eventLoop.makeSucceededVoidFuture()
    }

    func didFinishRequest(task: HTTPClient.Task<OTLPAnswer>) throws -> OTLPAnswer {
        answer.withLock { $0 } ?? OTLPAnswer(status: 502)
    }
}
