import AgentEventsHub
import HTTPTypes
import HummingbirdCore
import NIOCore

extension Request {
    /// Whether the body is large, or its size is not known, or the client waits for a word before it sends it: then it is
    /// worth a look-up to refuse the request before the body comes.
    var mayHaveLargeBody: Bool {
        if headers[.expect] != nil || headers[.transferEncoding] != nil { return true }
        return contentLength.map { $0 > 64 * 1024 } ?? false
    }

    /// The announced size of the body, in bytes; `nil` when there is none, or it does not say so.
    private var contentLength: Int? { headers[.contentLength].map { Int($0) ?? .max } }

    /// The whole body, without the coding that it was sent in.
    ///
    /// - Parameter maximumByteCount: how many bytes the body may have, as it is sent and decoded.
    /// - Throws: ``ProtocolError`` `limits.body_bytes`, before anything is read when the request announces too much;
    ///   `request.content_encoding` for a coding that is not decoded here; `request.body_encoding` for a body that is not
    ///   in its coding.
    func bodyBytes(upTo maximumByteCount: Int) async throws -> [UInt8] {
        let coding = try ContentCoding(contentEncoding: headers[values: .contentEncoding])
        if let contentLength, contentLength > maximumByteCount {
            throw BodyDecoder.tooLarge(maximumByteCount)
        }
        let decoder = BodyDecoder(
            coding, maximumByteCount: maximumByteCount, announcedByteCount: contentLength)
        for try await part in body { try decoder.append(part.readableBytesView) }
        return try decoder.finish()
    }
}
