import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1

/// Answers the requests of a connection that ask for a stream of events; all others go to the handlers after this one. Any
/// request of a connection may ask, and it is the last one that is answered there.
///
/// Like a WebSocket, a stream lives on the event loop of its connection, and no task is kept for it.
final class EventStreamHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let hub: AgentEventsHub
    private let root: String
    private let takesPreflights: Bool
    private let forwarding: Forwarding?
    private let ticket: ConnectionTicket
    private var machine = EventStreamStateMachine()
    /// The request for a stream, while others are answered before it.
    private var waiting: EventStreamRequest?
    private var transport: EventStreamTransport?
    private var session: StreamSession?
    /// Whether the server that carries the connection stops.
    private var isLeaving = false

    /// - Parameters:
    ///   - path: the path of the WebSocket; that of the threads stands beside it.
    ///   - takesPreflights: whether no route answers the questions of browsers about the path.
    ///   - forwarding: tells where requests come from that proxies forward; `nil` when nobody is asked.
    ///   - ticket: the connection.
    init(
        hub: AgentEventsHub,
        path: String,
        takesPreflights: Bool = false,
        forwarding: Forwarding?,
        ticket: ConnectionTicket
    ) {
        self.hub = hub
        self.takesPreflights = takesPreflights
        self.forwarding = forwarding
        self.ticket = ticket
        root = Self.root(of: path)
    }

    /// The path below which the hub is, without a slash at its end: `/v1` for `/v1/stream`.
    static func root(of path: String) -> String {
        let path = path.hasPrefix("/") ? path : "/" + path
        return String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(let head) = unwrapInboundIn(data) else {
            return act(on: machine.receivedRest(), data, context)
        }
        let request = machine.isPassing ? request(head) : nil
        if request != nil { waiting = forwarded(head, context) }
        act(on: machine.receivedHead(asksForStream: request != nil), data, context)
    }

    /// The request as the proxies tell it.
    private func forwarded(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) -> EventStreamRequest? {
        var head = head
        if let forwarding {
            forwarding.apply(to: &head, on: context.channel)
            ticket.tell(context.channel.clientAddress)
        }
        return request(head)
    }

    private func request(_ head: HTTPRequestHead) -> EventStreamRequest? {
        EventStreamRequest(head, below: root, takesPreflights: takesPreflights)
    }

    private func act(
        on action: EventStreamStateMachine.InboundAction,
        _ data: NIOAny,
        _ context: ChannelHandlerContext
    ) {
        switch action {
        case .pass: context.fireChannelRead(data)
        case .open: open(context)
        case .wait, .drop: break
        case .close: context.close(promise: nil)
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .end = unwrapOutboundIn(data) else { return context.write(data, promise: promise) }
        context.write(data, promise: promise)
        guard machine.answered() else { return }
        // What is written next comes after the flush of the answer.
        context.eventLoop.assumeIsolated().execute { self.open(context) }
    }

    // MARK: Opening

    private var origins: OriginPolicy { hub.origins }

    private func open(_ context: ChannelHandlerContext) {
        guard let request = waiting else { return }
        waiting = nil
        if let refusal = origins.refusal(origin: request.origin, host: request.host) {
            return refuse(refusal, request, context)
        }
        guard !request.isPreflight else { return answer(.noContent, EventStreamHead.preflight, nil, request, context) }
        guard hub.readiness.phase != .stopping else { return sayGoodbye(to: request, context) }
        hub.noteUse()
        if let forwarding, let client = forwarding.knownClient(on: context.channel),
            let refusal = ticket.begin(from: client, on: context.channel)
        {
            return refuse(refusal, request, context)
        }
        do throws(ProtocolError) {
            try request.query.check(EventStreamRequest.parameters)
            if request.hasBody { throw ProtocolError(.requestInvalid, "a request for events has no body") }
        } catch {
            return refuse(error, request, context)
        }
        let opening = EventStreamOpening(hub: hub, ticket: ticket)
        context.eventLoop.makeFutureWithTask { await opening.look(at: request) }
            .assumeIsolated()
            .whenSuccess { self.looked($0, request, context) }
    }

    private func looked(
        _ outcome: EventStreamOpening.Outcome,
        _ request: EventStreamRequest,
        _ context: ChannelHandlerContext
    ) {
        switch outcome {
        case .stream(let subscription, let principal):
            if let refusal = hub.usage.connect(principal.user) { return refuse(refusal, request, context) }
            guard machine.opened() else { return hub.usage.disconnect(principal.user) }
            begin(subscription, principal, request, context)
        case .nothingFollows:
            answer(.noContent, [], nil, request, context)
        case .refusal(let error):
            refuse(error, request, context)
        }
    }

    private func begin(
        _ subscription: SubscribeRequest,
        _ principal: Principal,
        _ request: EventStreamRequest,
        _ context: ChannelHandlerContext
    ) {
        // It would close a connection on which, as far as it knows, nothing is asked for.
        if let idle = try? context.pipeline.syncOperations.handler(type: HTTPConnectionStateHandler.self) {
            context.pipeline.syncOperations.removeHandler(idle, promise: nil)
        }
        writeHead(.ok, EventStreamHead.fields, request, context)
        let transport = EventStreamTransport(context, closeTimeout: .milliseconds(hub.limits.closeMilliseconds))
        self.transport = transport
        transport.write(EventStreamBytes.beginning)
        let session = hub.adopt(transport, as: principal, isCounted: true, on: context.eventLoop)
        self.session = session
        session.follow(subscription)
        if isLeaving { session.beginLeaving() }
    }

    // MARK: Other answers

    private func refuse(_ error: ProtocolError, _ request: EventStreamRequest, _ context: ChannelHandlerContext) {
        guard machine.ended() else { return }
        hub.noteRefusedStream(.serverSentEvents)
        let refusal = UpgradeRefusal.denied(error)
        let headers = refusal.headers.map { (name: $0.key, value: $0.value) }
        let answer = ClosingAnswer(
            status: refusal.status, error: error, headers: headers + origins.answerHeaders(to: request.origin))
        for part in answer.parts.dropLast() { context.write(wrapOutboundOut(part), promise: nil) }
        finish(context)
    }

    /// A browser gives up for good at any other status: it is told when to come back.
    private func sayGoodbye(to request: EventStreamRequest, _ context: ChannelHandlerContext) {
        let milliseconds = hub.returnMilliseconds
        var bytes = EventStreamBytes.comeBack(afterMilliseconds: milliseconds)
        bytes.writeImmutableBuffer(
            StreamFraming.serverSentEvents.frame(ServerMessage.drain(reconnectMilliseconds: milliseconds).encoded()))
        answer(.ok, EventStreamHead.fields, bytes, request, context)
    }

    private func answer(
        _ status: HTTPResponseStatus,
        _ fields: [(String, String)],
        _ body: ByteBuffer?,
        _ request: EventStreamRequest,
        _ context: ChannelHandlerContext
    ) {
        guard machine.ended() else { return }
        writeHead(status, fields, request, context)
        if let body { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        finish(context)
    }

    /// Ends the last answer, and closes once it, and those before it, are with the kernel: a close before would cut them off.
    private func finish(_ context: ChannelHandlerContext) {
        let channel = context.channel
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.whenComplete { _ in channel.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
        // The client has as long as for an answer that comes before the body of its request.
        let deadline = context.eventLoop.scheduleTask(in: RequestBodyHandler.Deadlines().total) {
            channel.closeForcibly()
        }
        channel.closeFuture.whenComplete { _ in deadline.cancel() }
    }

    private func writeHead(
        _ status: HTTPResponseStatus,
        _ fields: [(String, String)],
        _ request: EventStreamRequest,
        _ context: ChannelHandlerContext
    ) {
        var headers = HTTPHeaders([("Connection", "close")])
        for field in SecurityFields.all { headers.add(name: field.name.rawName, value: field.value) }
        for header in origins.answerHeaders(to: request.origin) { headers.add(name: header.name, value: header.value) }
        for (name, value) in fields { headers.replaceOrAdd(name: name, value: value) }
        let head = HTTPResponseHead(version: request.version, status: status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
    }

    // MARK: Life

    func handlerRemoved(context: ChannelHandlerContext) { end(context) }

    func channelInactive(context: ChannelHandlerContext) {
        ticket.clientLeft()
        end(context)
        context.fireChannelInactive()
    }

    private func end(_ context: ChannelHandlerContext) {
        _ = machine.ended()
        waiting = nil
        transport?.end()
        tell(context) { $0.closed() }
        session = nil
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        transport?.writabilityChanged(isWritable)
        if isWritable { tell(context) { $0.writabilityChanged() } }
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard !machine.isPassing else {
            if case ChannelEvent.inputClosed = event { ticket.clientLeft() }
            return context.fireUserInboundEventTriggered(event)
        }
        switch event {
        case is ChannelShouldQuiesceEvent:
            isLeaving = true
            tell(context) { $0.beginLeaving() }
        case ChannelEvent.inputClosed where waiting != nil:
            // The requests before are still answered; the stream would be taken by nobody.
            waiting = nil
            _ = machine.ended()
            context.fireUserInboundEventTriggered(event)
        case ChannelEvent.inputClosed:
            // With the last answer on its way, the end of that closes.
            if machine.ended() { context.close(promise: nil) }
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard machine.isStreaming else { return context.fireErrorCaught(error) }
        hub.logger.debug("connection lost", metadata: ["error.message": "\(error)"])
        context.close(promise: nil)
    }

    private func tell(_ context: ChannelHandlerContext, _ body: @escaping (StreamSession) -> Void) {
        session?.tell(isBusy: transport?.isBusy == true, on: context.eventLoop, body)
    }
}

/// The head of a stream of events.
enum EventStreamHead {
    /// Beside those of every answer. Nobody on the way may keep the events, change them or wait until there are more of them.
    static let fields = [
        ("Content-Type", "text/event-stream"), ("Cache-Control", "no-cache, no-transform"), ("X-Accel-Buffering", "no"),
    ]

    static let preflight = [
        ("Allow", "GET, OPTIONS"), ("Access-Control-Allow-Methods", "GET, OPTIONS"),
        ("Access-Control-Allow-Headers", OriginPolicy.requestHeaders),
        ("Access-Control-Max-Age", "\(OriginPolicy.preflightSeconds)"),
    ]
}
