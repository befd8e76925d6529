import AgentEventsHub
package import AgentEventsProtocol

/// Puts the parts of a request's body together, and decodes them as they come. Never has more than its limit and one
/// part in memory, whatever the body would become.
package final class BodyDecoder {
    private let coding: ContentCoding
    private let maximumByteCount: Int
    private let announcedByteCount: Int?
    private let inflater: Inflater?
    private var receivedByteCount = 0
    private var bytes: [UInt8] = []

    /// - Parameters:
    ///   - maximumByteCount: how many bytes the body may have, as it is sent and decoded.
    ///   - announcedByteCount: its size as it is sent; `nil` when it is not known.
    package init(_ coding: ContentCoding, maximumByteCount: Int, announcedByteCount: Int? = nil) {
        self.coding = coding
        self.announcedByteCount = announcedByteCount
        self.maximumByteCount = maximumByteCount
        switch coding {
        case .identity: inflater = nil
        case .gzip: inflater = Inflater(.gzip)
        case .deflate: inflater = Inflater(.deflate)
        }
    }

    /// - Throws: ``ProtocolError`` `limits.body_bytes` or `request.body_encoding`.
    package func append(_ part: some Collection<UInt8>) throws(ProtocolError) {
        receivedByteCount += part.count
        guard receivedByteCount <= maximumByteCount else { throw Self.tooLarge(maximumByteCount) }
        guard let inflater else {
            reserve(bytes.count + part.count)
            bytes.append(contentsOf: part)
            return
        }
        do throws(Inflater.Failure) {
            try inflater.append(part, to: &bytes, maximumByteCount: maximumByteCount)
        } catch {
            throw failure(error)
        }
    }

    /// Doubles the room as the body grows, but never beyond what was announced: the last step would take twice the body.
    private func reserve(_ byteCount: Int) {
        guard let announcedByteCount, byteCount > bytes.capacity else { return }
        bytes.reserveCapacity(max(byteCount, min(announcedByteCount, 2 * byteCount)))
    }

    /// - Returns: the decoded body.
    /// - Throws: ``ProtocolError`` `request.body_encoding` when it ends too early.
    package func finish() throws(ProtocolError) -> [UInt8] {
        if let inflater, !inflater.hasEnded { throw failure(.truncated) }
        return bytes
    }

    package static func tooLarge(_ maximumByteCount: Int) -> ProtocolError {
        ProtocolError(
            .bodyTooLarge,
            "the body of this request has at most \(maximumByteCount) bytes, decoded too: split it, or put what is large "
                + "elsewhere and send a reference")
    }

    private func failure(_ failure: Inflater.Failure) -> ProtocolError {
        switch failure {
        case .tooLarge:
            Self.tooLarge(maximumByteCount)
        case .truncated:
            ProtocolError(.bodyEncodingInvalid, "the body ends in the middle of its \(coding) data")
        case .damaged:
            ProtocolError(.bodyEncodingInvalid, "the body is not the \(coding) data that Content-Encoding announces")
        case .trailing:
            ProtocolError(.bodyEncodingInvalid, "something that is no \(coding) data follows the \(coding) data")
        }
    }
}
