import AgentEventsHub
import AgentEventsProtocol
import NIOCore
import NIOHTTP1

/// Decides about the first request of a connection before the upgrade handler sees it. A request that is not to be
/// upgraded loses its header `Upgrade`, so that it is answered as plain HTTP, or is answered here: the upgrade handler
/// of SwiftNIO loses the head of a request that it declines, and the client would wait in vain.
final class UpgradeFilter: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// A request to upgrade.
    struct Admission {
        /// `nil` for a client that shows its token by its first message.
        var principal: Principal?
        /// The value of `Sec-WebSocket-Protocol` in the answer; `nil` for none.
        var subprotocol: String?
    }

    /// Set before the upgrade handler sees the request; `nil` when it is to stay HTTP.
    private(set) var admission: Admission?

    /// Set instead when it is for a WebSocket of another protocol.
    private(set) var foreign: ForeignAdmission?

    private enum State {
        case waiting
        /// Nothing further is read from the client.
        case authenticating
        case decided
        /// Answered, and closed.
        case refused
    }

    private let authenticator: any Authenticator
    private let ticket: ConnectionTicket
    private let origins: OriginPolicy
    private let readiness: Readiness
    private let path: String
    private let answersRefusals: Bool
    private let onAsked: () -> Void
    private let onRefused: () -> Void
    private let forwarding: Forwarding?
    private let foreignWebSockets: [ForeignWebSocket]
    private var state = State.waiting
    /// The parts that came with the head, in the bytes that were read by then.
    private var heldParts: [NIOAny] = []
    private var hasPendingRead = false

    /// - Parameters:
    ///   - path: the path of the WebSocket.
    ///   - answersRefusals: whether an upgrade at the path that is declined is answered here; it is left to a route otherwise,
    ///     unless its credentials do not count: they are checked once.
    ///   - forwarding: tells where the request comes from, when a proxy forwards it.
    ///   - ticket: the connection.
    ///   - onAsked: called when an upgrade at the path is to be authenticated.
    ///   - onRefused: called when an upgrade at the path is declined.
    init(
        authenticator: any Authenticator,
        origins: OriginPolicy,
        readiness: Readiness,
        path: String = StreamProtocol.path,
        answersRefusals: Bool = false,
        forwarding: Forwarding? = nil,
        ticket: ConnectionTicket,
        foreignWebSockets: [ForeignWebSocket] = [],
        onAsked: @escaping () -> Void = {},
        onRefused: @escaping () -> Void = {}
    ) {
        self.foreignWebSockets = foreignWebSockets
        self.forwarding = forwarding
        self.ticket = ticket
        self.answersRefusals = answersRefusals
        self.onAsked = onAsked
        self.onRefused = onRefused
        self.path = Self.path(path)
        self.readiness = readiness
        self.authenticator = authenticator
        self.origins = origins
    }

    /// A group of routes is named with or without a slash in front, and so is the path that follows from its name.
    static func path(_ name: String) -> String { name.hasPrefix("/") ? name : "/" + name }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch state {
        case .decided:
            // Not unwrapped: after an upgrade these are bytes.
            context.fireChannelRead(data)
        case .authenticating:
            heldParts.append(data)
        case .refused:
            break
        case .waiting:
            guard case .head(var head) = unwrapInboundIn(data) else { return pass(data, context) }
            forwarding?.apply(to: &head, on: context.channel)
            decide(about: head, context)
        }
    }

    private func decide(about head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        guard head.headers.contains(name: "upgrade") else { return pass(wrapInboundOut(.head(head)), context) }
        if Self.isWebSocketUpgrade(head), let socket = foreignWebSockets.first(where: { $0.matches(head.uri) }) {
            return decide(about: socket, head, context)
        }
        let request = UpgradeRequest(head)
        guard readiness.phase != .stopping else { return decline(head, .stopping, context) }
        switch UpgradeDecision.decide(request, path: path, origins: origins) {
        case .decline(let refusal):
            decline(head, refusal, context)
        case .accept(let subprotocol):
            guard Self.isWebSocketUpgrade(head) else {
                return decline(
                    head,
                    .upgradeRequired(
                        "an upgrade has no body, and one of each of its headers, with Connection: Upgrade and "
                            + "Upgrade: websocket"), context)
            }
            authenticate(head, request, subprotocol, context)
        }
    }

    /// Another protocol decides, after what counts for all.
    private func decide(about socket: ForeignWebSocket, _ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let request = UpgradeRequest(head)
        guard readiness.phase != .stopping else { return refuse(.stopping, origin: request.origin, context) }
        if let refusal = origins.refusal(origin: request.origin, host: request.host) {
            onRefused()
            return refuse(.denied(refusal), origin: request.origin, context)
        }
        if request.version != "13" || request.hasBadKey {
            onRefused()
            return refuse(
                .denied(ProtocolError(.requestInvalid, "a WebSocket is asked for with version 13 and a key")),
                origin: request.origin, context)
        }
        onAsked()
        if let forwarding, let client = forwarding.knownClient(on: context.channel),
            let refusal = ticket.begin(from: client, on: context.channel)
        {
            return refuse(.denied(refusal), origin: request.origin, context)
        }
        let asked = ForeignWebSocket.Asked(
            query: head.uri.firstIndex(of: "?").map { String(head.uri[$0...].dropFirst()) } ?? "", head: head,
            ticket: ticket, eventLoop: context.eventLoop)
        switch socket.decide(asked) {
        case .accept(let begin):
            foreign = ForeignAdmission(webSocket: socket, begin: begin)
            pass(wrapInboundOut(.head(head)), context)
        case .refuse(let status, let body):
            onRefused()
            state = .refused
            heldParts = []
            var headers = HTTPHeaders([
                ("Connection", "close"), ("Content-Type", "text/html"), ("Content-Length", "\(body.utf8.count)"),
            ])
            for header in origins.answerHeaders(to: request.origin) {
                headers.add(name: header.name, value: header.value)
            }
            let answer = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
            context.write(wrapOutboundOut(.head(answer)), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: body)))), promise: nil)
            context.write(wrapOutboundOut(.end(nil)), promise: nil)
            context.flush()
            context.close(promise: nil)
        }
    }

    private func authenticate(
        _ head: HTTPRequestHead,
        _ request: UpgradeRequest,
        _ subprotocol: String?,
        _ context: ChannelHandlerContext
    ) {
        onAsked()
        // The connection is its client's own from now on, and counts as one.
        if let forwarding, let client = forwarding.knownClient(on: context.channel),
            let refusal = ticket.begin(from: client, on: context.channel)
        {
            return refuse(.denied(refusal), origin: request.origin, context)
        }
        let credentials = Credentials(
            authorization: head.headers.first(name: "authorization"), subprotocols: request.subprotocols,
            path: request.path)
        if let principal = ticket.admitAtOnce(credentials, by: authenticator) {
            return authenticated(.success(principal), credentials, head, request, subprotocol, context)
        }
        state = .authenticating
        let authenticator = authenticator
        let ticket = ticket
        context.eventLoop.makeFutureWithTask { () -> Result<Principal, ProtocolError> in
            do throws(ProtocolError) {
                return .success(try await ticket.authenticate(credentials, by: authenticator))
            } catch {
                return .failure(error)
            }
        }
        .assumeIsolated()
        .whenSuccess { self.authenticated($0, credentials, head, request, subprotocol, context) }
    }

    private func authenticated(
        _ result: Result<Principal, ProtocolError>,
        _ credentials: Credentials,
        _ head: HTTPRequestHead,
        _ request: UpgradeRequest,
        _ subprotocol: String?,
        _ context: ChannelHandlerContext
    ) {
        switch result {
        case .success(let principal):
            admission = Admission(principal: principal, subprotocol: subprotocol)
            pass(wrapInboundOut(.head(head)), context)
        case .failure(let error):
            guard !mayComeByMessage(error, credentials) else {
                admission = Admission(principal: nil, subprotocol: subprotocol)
                return pass(wrapInboundOut(.head(head)), context)
            }
            // Here and not by the route, which would have the token checked a second time.
            refuse(.denied(error), origin: request.origin, context)
        }
    }

    /// Whether the client has shown no token yet, and may by its first message.
    private func mayComeByMessage(_ error: ProtocolError, _ credentials: Credentials) -> Bool {
        credentials.token == nil && error.code == .authenticationMissing && authenticator.takesFirstMessages
    }

    /// Whether the head has all that the handshake takes, and no body.
    static func isWebSocketUpgrade(_ head: HTTPRequestHead) -> Bool {
        !head.hasBody && head.headers[canonicalForm: "upgrade"].map { $0.lowercased() } == ["websocket"]
            && head.headers["sec-websocket-key"].count == 1
            && head.headers["sec-websocket-version"].count == 1
    }

    /// A route of the path looks at the request again, and answers with the reason; without one that is done here. What is for
    /// another path, or asks for another protocol, is not the hub's.
    private func decline(_ head: HTTPRequestHead, _ refusal: UpgradeRefusal, _ context: ChannelHandlerContext) {
        let isForHub =
            head.uri.prefix { $0 != "?" } == path[...]
            && head.headers[canonicalForm: "upgrade"].contains { $0.lowercased() == "websocket" }
        if isForHub { onRefused() }
        guard answersRefusals, isForHub else {
            var head = head
            head.headers.remove(name: "upgrade")
            return pass(wrapInboundOut(.head(head)), context)
        }
        refuse(refusal, origin: head.headers.first(name: "origin"), context)
    }

    private func refuse(_ refusal: UpgradeRefusal, origin: String?, _ context: ChannelHandlerContext) {
        state = .refused
        heldParts = []
        let headers =
            refusal.headers.filter { $0.key != "connection" }.map { (name: $0.key, value: $0.value) }
            + origins.answerHeaders(to: origin)
        let answer = ClosingAnswer(status: refusal.status, error: refusal.error, headers: headers)
        for part in answer.parts { context.write(wrapOutboundOut(part), promise: nil) }
        context.flush()
        context.close(promise: nil)
    }

    func read(context: ChannelHandlerContext) {
        switch state {
        case .authenticating: hasPendingRead = true
        case .waiting, .decided: context.read()
        case .refused: break
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
