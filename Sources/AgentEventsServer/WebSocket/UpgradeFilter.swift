import AgentEventsHub
import AgentEventsProtocol
import NIOCore
import NIOHTTP1

/// Decides about the first request of a connection before the upgrade handler sees it, and takes the header `Upgrade`
/// off a request that is not to be upgraded, so that it is answered as plain HTTP: the upgrade handler of SwiftNIO
/// loses the head of a request that it declines, and the client would wait in vain.
final class UpgradeFilter: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// A request to upgrade.
    struct Admission {
        var principal: Principal
        /// The value of `Sec-WebSocket-Protocol` in the answer; `nil` for none.
        var subprotocol: String?
    }

    /// Set before the upgrade handler sees the request; `nil` when it is to stay HTTP.
    private(set) var admission: Admission?

    private enum State {
        case waiting
        /// Nothing further is read from the client.
        case authenticating
        case decided
    }

    private let authenticator: any Authenticator
    private let origins: OriginPolicy
    private let readiness: Readiness
    private let path: String
    private var state = State.waiting
    /// The parts that came with the head, in the bytes that were read by then.
    private var heldParts: [NIOAny] = []
    private var hasPendingRead = false

    /// - Parameter path: the path of the WebSocket.
    init(
        authenticator: any Authenticator,
        origins: OriginPolicy,
        readiness: Readiness,
        path: String = StreamProtocol.path
    ) {
        // A group of routes is named with or without a slash in front, and so is the path that follows from its name.
        self.path = path.hasPrefix("/") ? path : "/" + path
        self.readiness = readiness
        self.authenticator = authenticator
        self.origins = origins
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch state {
        case .decided:
            // Not unwrapped: after an upgrade these are bytes.
            context.fireChannelRead(data)
        case .authenticating:
            heldParts.append(data)
        case .waiting:
            guard case .head(let head) = unwrapInboundIn(data) else { return pass(data, context) }
            decide(about: head, context)
        }
    }

    private func decide(about head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        guard head.headers.contains(name: "upgrade") else { return pass(wrapInboundOut(.head(head)), context) }
        let request = UpgradeRequest(head)
        guard readiness.phase != .stopping, Self.isWebSocketUpgrade(head),
            case .accept(let subprotocol) = UpgradeDecision.decide(request, path: path, origins: origins)
        else { return passWithoutUpgrade(head, context) }
        state = .authenticating
        let credentials = Credentials(
            authorization: head.headers.first(name: "authorization"), subprotocols: request.subprotocols,
            path: request.path)
        let authenticator = authenticator
        context.eventLoop.makeFutureWithTask { () -> Principal? in
            do throws(AuthenticationError) {
                return try await authenticator.authenticate(credentials)
            } catch {
                // The route of the path asks again, and answers with the reason.
                return nil
            }
        }
        .assumeIsolated()
        .whenSuccess { principal in
            guard let principal else { return self.passWithoutUpgrade(head, context) }
            self.admission = Admission(principal: principal, subprotocol: subprotocol)
            self.pass(self.wrapInboundOut(.head(head)), context)
        }
    }

    /// Whether the head has all that the handshake takes, and no body.
    private static func isWebSocketUpgrade(_ head: HTTPRequestHead) -> Bool {
        let hasBody =
            head.headers.contains(name: "transfer-encoding")
            || head.headers.first(name: "content-length").map { $0 != "0" } ?? false
        return !hasBody && head.headers[canonicalForm: "upgrade"].map { $0.lowercased() } == ["websocket"]
            && head.headers["sec-websocket-key"].count == 1
            && head.headers["sec-websocket-version"].count == 1
    }

    private func passWithoutUpgrade(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        var head = head
        head.headers.remove(name: "upgrade")
        pass(wrapInboundOut(.head(head)), context)
    }

    func read(context: ChannelHandlerContext) {
        switch state {
        case .authenticating: hasPendingRead = true
        case .waiting, .decided: context.read()
        }
    }

    /// Passes on the head and the parts after it, and leaves the pipeline.
    private func pass(_ head: NIOAny, _ context: ChannelHandlerContext) {
        let earlier = state
        state = .decided
        context.fireChannelRead(head)
        if case .authenticating = earlier {
            for part in heldParts { context.fireChannelRead(part) }
            heldParts = []
            context.fireChannelReadComplete()
            if hasPendingRead { context.read() }
        }
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }
}
