import AgentEvents
import Hummingbird
import HummingbirdCore
import NIOCore

extension Request {
    /// The thread in the path.
    ///
    /// - Throws: ``ProtocolError`` `request.invalid`.
    func thread(_ context: BasicRequestContext) throws(ProtocolError) -> ThreadID {
        let text = context.parameters.get("thread") ?? ""
        do throws(IdentifierError) {
            return try ThreadID(PercentEncoding.decode(text) ?? text)
        } catch {
            throw ProtocolError(error, path: nil)
        }
    }

    /// A parameter of the query; `nil` when there is none.
    func parameter(_ name: String) -> String? { uri.queryParameters[Substring(name)].map(String.init) }

    /// An identifier in the query; `nil` when there is none.
    func identifierParameter<Kind: Identifier>(_ name: String) throws(ProtocolError) -> Kind? {
        guard let text = parameter(name) else { return nil }
        do throws(IdentifierError) {
            return try Kind(text)
        } catch {
            throw ProtocolError(error, path: nil)
        }
    }

    /// The whole body.
    ///
    /// - Throws: `NIOTooManyBytesError` when it has more bytes than allowed.
    func bodyBytes(upTo maximumByteCount: Int) async throws -> [UInt8] {
        let buffer = try await body.collect(upTo: maximumByteCount)
        return Array(buffer.readableBytesView)
    }
}
