import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore

extension Response {
    /// An answer with a JSON body.
    init(status: HTTPResponse.Status, json: JSONValue) {
        self.init(status: status, json: ByteBuffer(bytes: json.encoded()))
    }

    /// - Parameter json: one JSON text.
    init(status: HTTPResponse.Status, json: ByteBuffer) {
        self.init(status: status, headers: [.contentType: "application/json"], body: ResponseBody(byteBuffer: json))
    }

    /// The answer to a request that failed: `{"error":{…}}`.
    init(_ error: ProtocolError) {
        self.init(status: error.status, json: error.body)
        // A signature is no credentials that a client could be asked for.
        if error.status == .unauthorized, error.code != .hookSignatureInvalid {
            headers[.wwwAuthenticate] = error.challenge
        }
        if error.status == .serviceUnavailable { headers[.retryAfter] = Self.retrySeconds }
        if let seconds = error.retryAfterSeconds { headers[.retryAfter] = "\(seconds)" }
        if error.code == .contentEncodingUnknown { headers[.acceptEncoding] = ContentCoding.accepted }
        if error.code == .mediaTypeUnknown { headers[.accept] = IngestFormat.accepted }
    }

    /// The number of seconds after which clients try again.
    static var retrySeconds: String { "1" }
}
