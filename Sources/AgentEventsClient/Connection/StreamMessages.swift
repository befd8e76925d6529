internal import AgentEvents
package import AgentEventsProtocol
internal import NIOCore

/// The messages of a connection, as the bytes of one JSON object each.
///
/// It ends by throwing: ``AgentEventsClientError`` says how the connection ended, so that an end never passes for one
/// that was meant. It returns `nil` only when its task is cancelled.
public struct StreamMessages: AsyncSequence, Sendable {
    public typealias Element = [UInt8]

    let inbound: NIOAsyncChannelInboundStream<ByteBuffer>

    public func makeAsyncIterator() -> Iterator { Iterator(inbound: inbound.makeAsyncIterator()) }

    /// Not for use by several tasks at once.
    public struct Iterator: AsyncIteratorProtocol {
        var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator

        /// The next message; waits for it.
        public mutating func next() async throws -> [UInt8]? {
            guard let buffer = try await inbound.next(isolation: #isolation) else { return nil }
            return Array(buffer.readableBytesView)
        }
    }
}

extension ServerMessage {
    /// Reads what a connection gave.
    ///
    /// - Throws: ``AgentEventsClientError`` `client.protocol` when the bytes are no message.
    package init(received bytes: [UInt8]) throws(AgentEventsClientError) {
        do throws(WireError) {
            try self.init(bytes)
        } catch {
            throw AgentEventsClientError(malformed: error)
        }
    }
}
