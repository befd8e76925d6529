import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import NIOCore
import NIOHTTP1

/// A JSON error with which a connection ends, from a handler that no route comes after.
struct ClosingAnswer: Sendable {
    let status: Int
    let error: ProtocolError
    /// Beside those of every answer.
    var headers: [(name: String, value: String)] = []

    /// The parts of the response.
    var parts: [HTTPServerResponsePart] {
        let (head, body) = message
        return [.head(head), .body(.byteBuffer(body)), .end(nil)]
    }

    /// The response as it stands on the wire, for a connection without an encoder.
    var bytes: ByteBuffer {
        let (head, body) = message
        let lines =
            ["HTTP/1.1 \(head.status.code) \(head.status.reasonPhrase)"]
            + head.headers.map { "\($0.name): \($0.value)" }
        var bytes = ByteBuffer(string: lines.joined(separator: "\r\n") + "\r\n\r\n")
        bytes.writeImmutableBuffer(body)
        return bytes
    }

    private var message: (head: HTTPResponseHead, body: ByteBuffer) {
        let body = ByteBuffer(bytes: error.body.encoded())
        var fields = HTTPHeaders([
            ("Content-Type", "application/json"), ("Content-Length", "\(body.readableBytes)"), ("Connection", "close"),
        ])
        for field in SecurityFields.all { fields.add(name: field.name.rawName, value: field.value) }
        if let seconds = error.retryAfterSeconds { fields.add(name: "Retry-After", value: "\(seconds)") }
        for header in headers { fields.replaceOrAdd(name: header.name, value: header.value) }
        let head = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: status), headers: fields)
        return (head, body)
    }
}
