import AgentEvents
import Hummingbird
import HummingbirdCore
import NIOCore

extension Request {
    /// The thread in the path. The router gives the segment as it was sent, so it is decoded here, once: `%2F` is a slash of
    /// the id, and a plus is a plus.
    ///
    /// - Throws: ``ProtocolError`` `request.invalid`.
    func thread(_ context: BasicRequestContext) throws(ProtocolError) -> ThreadID {
        let segment = context.parameters.get("thread") ?? ""
        let text = try Self.decoded(segment, "the thread in the path")
        do throws(IdentifierError) {
            return try ThreadID(text)
        } catch {
            throw ProtocolError(error, path: nil)
        }
    }

    private static func decoded(_ text: String, _ place: String) throws(ProtocolError) -> String {
        guard let decoded = PercentEncoding.decode(text) else {
            throw ProtocolError(
                .requestInvalid,
                "\(place) has a percent sign without two hexadecimal digits; a percent sign itself is written %25")
        }
        return decoded
    }

    /// A parameter of the query, percent-decoded once, with a plus as a plus; as it was sent when it has a malformed escape;
    /// `nil` when there is none.
    func parameter(_ name: String) -> String? {
        encodedParameter(name).map { PercentEncoding.decode($0) ?? $0 }
    }

    /// An identifier in the query; `nil` when there is none.
    func identifierParameter<Kind: Identifier>(_ name: String) throws(ProtocolError) -> Kind? {
        guard let encoded = encodedParameter(name) else { return nil }
        let text = try Self.decoded(encoded, "\(name) in the query")
        do throws(IdentifierError) {
            return try Kind(text)
        } catch {
            throw ProtocolError(error, path: nil)
        }
    }

    private func encodedParameter(_ name: String) -> String? {
        for pair in (uri.query ?? "").split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let key = String(parts[0])
            guard (PercentEncoding.decode(key) ?? key) == name else { continue }
            return parts.count > 1 ? String(parts[1]) : ""
        }
        return nil
    }

    /// The whole body.
    ///
    /// - Throws: `NIOTooManyBytesError` when it has more bytes than allowed.
    func bodyBytes(upTo maximumByteCount: Int) async throws -> [UInt8] {
        let buffer = try await body.collect(upTo: maximumByteCount)
        return Array(buffer.readableBytesView)
    }
}
