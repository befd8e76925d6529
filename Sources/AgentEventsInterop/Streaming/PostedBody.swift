import AgentEvents
import AgentEventsHub
import AgentEventsServer
import Hummingbird
import HummingbirdCore

/// The body of a request by which a client asks for a stream: clients post all the messages that they have, again and again.
enum PostedBody {
    /// More than a snapshot has, so that a client may post what it was given.
    static let maximumByteCount = 8 * 1024 * 1024

    /// - Throws: ``ProtocolError`` `limits.body_bytes`, `request.content_encoding`, `request.body_encoding`.
    static func bytes(of request: Request, _ interface: HTTPInterface<BasicRequestContext>) async throws -> [UInt8] {
        let configuration = interface.hub.configuration
        let maximum = max(
            configuration.maximumMessageByteCount, min(maximumByteCount, configuration.maximumBodyByteCount))
        return try await interface.body(of: request, upTo: maximum)
    }
}
