package import NIOCore
package import NIOHTTP1

/// A path at which a protocol of others has WebSockets. Its client is authenticated by what it says later, within that protocol.
package struct ForeignWebSocket: Sendable {
    /// The fate of a request for a WebSocket.
    package enum Decision: Sendable {
        /// - Parameter begin: called on the event loop when the upgrade is answered; returns the receiver of what comes.
        case accept(begin: @Sendable (MessageWebSocket) -> any WebSocketReceiver)
        /// - Parameter body: plain text, for people.
        case refuse(HTTPResponseStatus, body: String)
    }

    /// A request for a WebSocket of the path.
    package struct Asked {
        /// The part of the target after the question mark; empty when there is none.
        package var query: String
        package var head: HTTPRequestHead
        package var ticket: ConnectionTicket
        package var eventLoop: any EventLoop
    }

    /// The path, without a slash at its end; one that has it counts, too.
    package let path: String
    /// The largest message, in bytes.
    package let maximumMessageByteCount: Int
    /// Decides about a request. Called on its event loop.
    package let decide: @Sendable (Asked) -> Decision

    package init(
        path: String,
        maximumMessageByteCount: Int,
        decide: @escaping @Sendable (Asked) -> Decision
    ) {
        self.path = path
        self.maximumMessageByteCount = maximumMessageByteCount
        self.decide = decide
    }

    func matches(_ uri: String) -> Bool {
        let asked = uri.prefix { $0 != "?" }
        return asked == path || asked.last == "/" && asked.dropLast() == path[...]
    }
}

/// A foreign WebSocket that is about to begin.
struct ForeignAdmission {
    let webSocket: ForeignWebSocket
    let begin: @Sendable (MessageWebSocket) -> any WebSocketReceiver
}
