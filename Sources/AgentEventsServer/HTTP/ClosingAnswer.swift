import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import NIOCore
import NIOHTTP1

/// A JSON error with which a connection ends, from a handler that no route comes after.
struct ClosingAnswer {
    let status: Int
    let error: ProtocolError
    /// Beside those of every answer.
    var headers: [(name: String, value: String)] = []

    /// The parts of the response.
    var parts: [HTTPServerResponsePart] {
        let body = ByteBuffer(bytes: error.body.encoded())
        var fields = HTTPHeaders([
            ("Content-Type", "application/json"), ("Content-Length", "\(body.readableBytes)"), ("Connection", "close"),
        ])
        for header in headers { fields.add(name: header.name, value: header.value) }
        let head = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: status), headers: fields)
        return [.head(head), .body(.byteBuffer(body)), .end(nil)]
    }
}
