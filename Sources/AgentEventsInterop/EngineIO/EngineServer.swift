import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import AgentEventsServer
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle

/// Engine.IO at a path of a service: its sessions, and the requests and WebSockets that carry them.
final class EngineServer: Sendable {
    /// A session that begins.
    struct Opening {
        let session: EngineSession
        /// The header `Authorization` of the request that begins it.
        let authorization: String?
        /// The connection that it begins on.
        let ticket: ConnectionTicket
        /// The client has shown credentials that count.
        let authenticated: () -> Void
    }

    private let hub: AgentEventsHub
    private let path: String
    private let settings: EngineSettings
    private let sessions: EngineSessions
    private let open: @Sendable (Opening) -> any EngineApplication

    /// - Parameters:
    ///   - path: without a slash at its ends.
    ///   - open: makes the application of a session; called on its loop.
    init(
        _ hub: AgentEventsHub,
        path: String,
        _ settings: EngineSettings,
        open: @escaping @Sendable (Opening) -> any EngineApplication
    ) {
        self.hub = hub
        self.path = path
        self.settings = settings
        self.open = open
        sessions = EngineSessions(hub.usage)
    }

    // MARK: Sessions

    /// Called on the event loop.
    private func begin(
        on eventLoop: any EventLoop,
        _ authorization: String?,
        _ ticket: ConnectionTicket,
        over socket: MessageWebSocket?
    ) -> EngineSession {
        let sid = makeID()
        let session = EngineSession(sid: sid, isWebSocket: socket != nil, on: eventLoop, settings) { [sessions] in
            sessions.remove(sid)
        }
        let entry = sessions.add(session, from: ticket.address)
        let application = open(
            Opening(session: session, authorization: authorization, ticket: ticket) { [sessions] in
                _ = entry
                ticket.didAuthenticate()
                sessions.authenticated(sid)
            })
        session.begin(application, over: socket)
        return session
    }

    /// An id that nobody guesses: who has it speaks for its session.
    private func makeID() -> String {
        let random = hub.runtime.environment.randomNumber
        return (0..<3).map { _ in String(random(), radix: 36) }.joined()
    }

    // MARK: HTTP

    func addRoutes(to router: Router<BasicRequestContext>) {
        let path = RouterPath(path)
        router.on(path, method: .options) { _, _ -> Response in
            Response(status: .noContent, headers: [.allow: "GET, POST, OPTIONS"])
        }
        for method in [.get, .post, .put, .delete, .patch] as [HTTPRequest.Method] {
            router.on(path, method: method) { request, context -> Response in
                try await self.respond(to: request, on: context)
            }
        }
    }

    private func respond(to request: Request, on context: BasicRequestContext) async throws -> Response {
        let ticket = ConnectionTicket.current ?? ConnectionTicket(usage: hub.usage)
        guard !TokenInURL.isPresent(in: request.uri.query ?? "") else { throw TokenInURL.refusal }
        do throws(EngineRequest.Refusal) {
            let asked = try EngineRequest(query: request.uri.query ?? "")
            guard asked.transport == .polling else { throw .requestInvalid }
            guard let sid = asked.sid else {
                guard request.method == .get else { throw .methodUnknown }
                return try await open(request, ticket.copy())
            }
            guard let entry = sessions.find(sid) else { throw .sessionUnknown }
            if entry.authentication.isAuthenticated { ticket.didAuthenticate() }
            switch request.method {
            case .get: return try await poll(entry, ticket)
            case .post: return try await post(request, entry)
            default: throw .requestInvalid
            }
        } catch {
            var response = Self.response(error)
            // An upgrade that comes too late on its connection: nothing further is read there.
            if request.headers[.upgrade] != nil { response.headers[.connection] = "close" }
            return response
        }
    }

    private func open(_ request: Request, _ ticket: ConnectionTicket) async throws(EngineRequest.Refusal) -> Response {
        guard hub.readiness.phase != .stopping else { return Self.response(.serviceUnavailable, "stopping") }
        let eventLoop = hub.nextEventLoop
        let authorization = request.headers[.authorization]
        do {
            let payload = try await eventLoop.submit {
                self.begin(on: eventLoop, authorization, ticket, over: nil).openPayload
            }.get()
            var response = Self.response(payload)
            // A client that keeps its connection would ask for the WebSocket on it, and only the first request of one can.
            response.headers[.connection] = "close"
            return response
        } catch {
            return Self.response(.serviceUnavailable, "stopping")
        }
    }

    private func poll(
        _ entry: EngineSessions.Entry,
        _ ticket: ConnectionTicket
    ) async throws(EngineRequest.Refusal) -> Response {
        let promise = entry.eventLoop.makePromise(of: EngineSession.PollAnswer.self)
        let answer: EngineSession.PollAnswer
        do {
            let id = try await entry.eventLoop.submit { entry.session.value.begin(promise) }.get()
            ticket.whenClientLeaves { entry.eventLoop.execute { entry.session.value.lostPoll(id) } }
            answer = try await withGracefulShutdownHandler {
                try await promise.futureResult.get()
            } onGracefulShutdown: {
                entry.eventLoop.execute { entry.session.value.serverStops() }
            }
            ticket.whenClientLeaves(nil)
        } catch {
            throw .sessionUnknown
        }
        switch answer {
        case .packets(let payload):
            let lost: @Sendable () -> Void = { entry.eventLoop.execute { entry.session.value.lostAnswer() } }
            return Self.response(payload, onLost: lost)
        case .ended:
            return Self.response(.serviceUnavailable, "the session has ended")
        case .refused:
            throw .requestInvalid
        }
    }

    private func post(
        _ request: Request,
        _ entry: EngineSessions.Entry
    ) async throws(EngineRequest.Refusal) -> Response {
        let type = request.headers[.contentType] ?? ""
        guard !type.lowercased().hasPrefix("application/octet-stream") else { throw .requestInvalid }
        do {
            guard try await entry.eventLoop.submit({ entry.session.value.beginPost() }).get() else {
                throw EngineRequest.Refusal.requestInvalid
            }
        } catch {
            throw .requestInvalid
        }
        var body: ByteBuffer?
        do {
            body = try await request.body.collect(upTo: settings.maximumPayloadByteCount)
        } catch let error as any HTTPResponseError where error.status == .contentTooLarge {
            await take(nil, entry)
            return Self.response(.contentTooLarge, "the body is too large")
        } catch {
            // The client is gone in the middle of it.
            body = nil
        }
        guard await take(body, entry) else { throw .requestInvalid }
        let answered: @Sendable () -> Void = { entry.eventLoop.execute { entry.session.value.answeredPost() } }
        return Self.response(ByteBuffer(string: "ok"), type: "text/html", onWritten: answered, onLost: answered)
    }

    @discardableResult
    private func take(_ body: ByteBuffer?, _ entry: EngineSessions.Entry) async -> Bool {
        let promise = entry.eventLoop.makePromise(of: Bool.self)
        entry.eventLoop.execute { entry.session.value.take(body, promise) }
        do {
            return try await promise.futureResult.get()
        } catch {
            return false
        }
    }

    private static func response(_ refusal: EngineRequest.Refusal) -> Response {
        Response(
            status: refusal == .forbidden ? .forbidden : .badRequest, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: refusal.json)))
    }

    private static func response(_ status: HTTPResponse.Status, _ text: String) -> Response {
        Response(
            status: status, headers: [.contentType: "text/html", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    /// - Parameters:
    ///   - onWritten: called when the payload is given to the connection.
    ///   - onLost: called when the payload cannot be written: what is in it is lost.
    private static func response(
        _ payload: ByteBuffer,
        type: String = "text/plain; charset=UTF-8",
        onWritten: (@Sendable () -> Void)? = nil,
        onLost: (@Sendable () -> Void)? = nil
    ) -> Response {
        Response(
            status: .ok, headers: [.contentType: type, .cacheControl: "no-store"],
            body: ResponseBody(contentLength: payload.readableBytes) { writer in
                do {
                    try await writer.write(payload)
                    try await writer.finish(nil)
                    onWritten?()
                } catch {
                    onLost?()
                    throw error
                }
            })
    }

    // MARK: WebSockets

    var webSocket: ForeignWebSocket {
        ForeignWebSocket(path: "/" + path, maximumMessageByteCount: settings.maximumPayloadByteCount) { asked in
            do throws(EngineRequest.Refusal) {
                return .accept(begin: try self.decide(about: asked))
            } catch {
                return .refuse(.badRequest, body: error.message)
            }
        }
    }

    private func decide(
        about asked: ForeignWebSocket.Asked
    ) throws(EngineRequest.Refusal) -> @Sendable (MessageWebSocket) -> any WebSocketReceiver {
        let request = try EngineRequest(query: asked.query)
        guard !TokenInURL.isPresent(in: asked.query), request.transport == .websocket else { throw .requestInvalid }
        let authorization = asked.head.headers.first(name: "authorization")
        let (ticket, eventLoop) = (asked.ticket, asked.eventLoop)
        guard let sid = request.sid else {
            return { socket in
                let session = self.begin(on: eventLoop, authorization, ticket, over: socket)
                return EngineReceiver(NIOLoopBound(session, eventLoop: eventLoop), eventLoop, socket)
            }
        }
        guard let entry = sessions.find(sid) else { throw .sessionUnknown }
        return { socket in
            let receiver = EngineReceiver(entry.session, entry.eventLoop, socket) {
                guard entry.authentication.isAuthenticated else { return false }
                ticket.didAuthenticate()
                return true
            }
            receiver.tell { session in
                guard !session.tryWebSocket(socket) else { return }
                socket.close(.protocolAbuse, reason: EngineRequest.Refusal.requestInvalid.message)
            }
            return receiver
        }
    }
}

/// The WebSocket of a session, for which its event loop may be another one.
private final class EngineReceiver: WebSocketReceiver {
    private let session: NIOLoopBound<EngineSession>
    private let eventLoop: any EventLoop
    private let socket: MessageWebSocket
    /// Tells the connection that its client has shown credentials; returns whether that is so. `nil` once it is told.
    private var tellAuthentication: (() -> Bool)?

    init(
        _ session: NIOLoopBound<EngineSession>,
        _ eventLoop: any EventLoop,
        _ socket: MessageWebSocket,
        tellAuthentication: (() -> Bool)? = nil
    ) {
        self.session = session
        self.eventLoop = eventLoop
        self.socket = socket
        self.tellAuthentication = tellAuthentication
    }

    /// The credentials may come over another connection of the session, before or after.
    private func lookAtAuthentication() {
        if tellAuthentication?() == true { tellAuthentication = nil }
    }

    /// At once where the loop is the same, in the order of the calls everywhere.
    func tell(_ body: @escaping @Sendable (EngineSession) -> Void) {
        guard !eventLoop.inEventLoop else { return body(session.value) }
        let session = session
        eventLoop.execute { body(session.value) }
    }

    func received(text: ByteBuffer) {
        lookAtAuthentication()
        let socket = socket
        tell { $0.received(EnginePacket(text: text), from: socket) }
    }

    func received(binary: ByteBuffer) {
        lookAtAuthentication()
        let socket = socket
        tell { $0.received(.binary(binary), from: socket) }
    }

    func readComplete() { tell { $0.readComplete() } }

    func serverStops() { tell { $0.serverStops() } }

    func closed() {
        let socket = socket
        // Not in a call of the session.
        let session = session
        eventLoop.execute { session.value.lost(socket) }
    }
}

extension AgentEventsHub {
    /// A loop of those that the service runs on.
    var nextEventLoop: any EventLoop { MultiThreadedEventLoopGroup.singleton.next() }
}
