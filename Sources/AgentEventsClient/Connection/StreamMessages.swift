internal import AgentEvents
package import AgentEventsProtocol
internal import NIOCore

/// The messages of a connection, as the bytes of one JSON object each.
///
/// It ends by throwing: ``AgentEventsClientError`` says how the connection ended, so that an end never passes for one
/// that was meant. It returns `nil` only when its task is cancelled.
public struct StreamMessages: AsyncSequence, Sendable {
    public typealias Element = [UInt8]

    enum Source: Sendable {
        case channel(NIOAsyncChannelInboundStream<ByteBuffer>)
        case link(any StreamLink)
    }

    let source: Source

    public func makeAsyncIterator() -> Iterator {
        switch source {
        case .channel(let inbound): Iterator(source: .channel(inbound.makeAsyncIterator()))
        case .link(let link): Iterator(source: .link(link))
        }
    }

    /// Not for use by several tasks at once.
    public struct Iterator: AsyncIteratorProtocol {
        enum Source {
            case channel(NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator)
            case link(any StreamLink)
        }

        var source: Source

        /// The next message; waits for it.
        public mutating func next() async throws -> [UInt8]? {
            switch source {
            case .channel(var inbound):
                defer { source = .channel(inbound) }
                guard let buffer = try await inbound.next(isolation: #isolation) else { return nil }
                return Array(buffer.readableBytesView)
            case .link(let link):
                return try await link.next()
            }
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
