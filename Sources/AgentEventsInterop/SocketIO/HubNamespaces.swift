import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import AgentEventsServer
import NIOCore

/// The namespaces of a hub: `/`, and one for each thread.
struct HubNamespaces: SocketNamespaces {
    static let path = "/socket.io/"
    static let threadPrefix = "/threads/"

    let hub: AgentEventsHub
    let opening: EngineServer.Opening

    /// The namespace of a thread, as clients write it.
    static func name(of thread: ThreadID) -> String {
        let plain = Set("-_.!~*'()".utf8)
        var name = threadPrefix
        for byte in thread.rawValue.utf8 {
            let isPlain =
                plain.contains(byte) || byte < 0x80 && Character(UnicodeScalar(byte)).isLetter
                || Character(UnicodeScalar(byte)).isNumber && byte < 0x80
            if isPlain {
                name.unicodeScalars.append(UnicodeScalar(byte))
            } else {
                name += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return name
    }

    func connect(_ namespace: String, _ auth: JSONObject, on connection: SocketConnection) -> (any SocketEndpoint)? {
        var thread: ThreadID?
        if namespace != "/" {
            guard namespace.hasPrefix(Self.threadPrefix),
                let text = PercentEncoding.decode(String(namespace.dropFirst(Self.threadPrefix.count))),
                let id = try? ThreadID(text)
            else { return nil }
            thread = id
        }
        let endpoint = HubEndpoint(namespace, thread, connection, hub)
        endpoint.begin(auth, opening)
        return endpoint
    }
}

/// A session of the hub for one namespace of a client: its messages become packets, and the events of the client become ops.
/// Confined to the loop.
///
/// ``NamespaceStateMachine`` decides.
private final class HubEndpoint: SocketEndpoint, PingingTransport {
    private let namespace: String
    private let thread: ThreadID?
    private let connection: SocketConnection
    private let hub: AgentEventsHub
    private var machine = NamespaceStateMachine(nil)
    private var session: StreamSession?
    private var isEnded = false
    private var isLeaving = false
    private var progress = NamespaceProgress()

    init(_ namespace: String, _ thread: ThreadID?, _ connection: SocketConnection, _ hub: AgentEventsHub) {
        self.namespace = namespace
        self.thread = thread
        self.connection = connection
        self.hub = hub
    }

    private var eventLoop: any EventLoop { connection.engine.eventLoop }

    private func later(_ body: @escaping () -> Void) { eventLoop.assumeIsolated().execute(body) }

    // MARK: Connecting

    func begin(_ auth: JSONObject, _ opening: EngineServer.Opening) {
        var credentials = Credentials(authorization: opening.authorization, path: HubNamespaces.path)
        if let token = auth["token"]?.stringValue, !token.isEmpty { credentials.token = token }
        let place: RecoveryPlace?
        do throws(ProtocolError) {
            place = thread == nil ? nil : try RecoveryPlace(auth)
        } catch {
            return later { self.refuse(error) }
        }
        guard hub.readiness.phase != .stopping else { return later { self.connection.engine.end("the service stops") } }
        machine = NamespaceStateMachine(place)
        let (authenticator, ticket, asked) = (hub.authenticator, opening.ticket, credentials)
        eventLoop.makeFutureWithTask { () -> Result<Principal, ProtocolError> in
            do throws(ProtocolError) {
                return .success(try await ticket.authenticate(asked, by: authenticator))
            } catch {
                return .failure(error)
            }
        }
        .assumeIsolated()
        .whenSuccess { self.authenticated($0, place, opening) }
    }

    private func authenticated(
        _ result: Result<Principal, ProtocolError>,
        _ place: RecoveryPlace?,
        _ opening: EngineServer.Opening
    ) {
        guard !isEnded else { return }
        switch result {
        case .failure(let error): refuse(error)
        case .success(let principal):
            opening.authenticated()
            if let refusal = hub.usage.connect(principal.user) { return refuse(refusal) }
            let session = hub.adopt(self, as: principal, isCounted: true, on: eventLoop)
            guard !isEnded else { return session.closed() }
            self.session = session
            if isLeaving { session.beginLeaving() }
            guard let thread, let place else { return }
            var members: [(String, JSONValue)] = [
                ("op", "subscribe"), ("req", .string(NamespaceStateMachine.connectTag)),
                ("thread_id", .string(thread.rawValue)),
            ]
            switch place.start {
            case .start: members.append(("after", "start"))
            case .now: members.append(("after", "now"))
            case .after(let cursor): members.append(("after", .string("\(cursor)")))
            }
            session.receive(ByteBuffer(bytes: JSONValue.object(JSONObject(members)).encoded()))
        }
    }

    private func refuse(_ error: ProtocolError) {
        guard !isEnded else { return }
        isEnded = true
        // A client that is told this does not come back by itself: one that may be taken later is not told, unless that would take
        // its other namespaces from it.
        let comesBack = error.code == .stopping || error.isRetryable && !connection.hasOthers(than: namespace)
        guard !comesBack else { return connection.engine.end(error.message) }
        connection.refused(
            namespace, by: self,
            ["message": .string(error.message), "data": .object(JSONObject(present: error.members))])
    }

    // MARK: The client

    func received(_ arguments: [JSONValue], id: UInt64?, attachments: [ByteBuffer]) {
        guard let session, !isEnded else { return }
        do throws(ProtocolError) {
            let message = try SocketRequest.message(
                arguments, id: id, hasAttachments: !attachments.isEmpty, thread: thread)
            session.receive(ByteBuffer(bytes: message))
        } catch {
            session.reject(id.map { error.answering(RequestTag(.integer($0))) } ?? error)
        }
    }

    func heard() { session?.didHear() }
    func readComplete() { session?.readComplete() }
    func writabilityChanged() { session?.writabilityChanged() }
    func serverStops() {
        isLeaving = true
        session?.beginLeaving()
    }

    func ended(_ end: EngineEnd) {
        guard !isEnded else { return }
        isEnded = true
        let session = session
        self.session = nil
        switch end {
        case .clientLeft: session?.closed()
        case .pingTimeout: session?.close(.heartbeatMissed, reason: "ping timeout")
        case .violation: session?.close(.protocolError, reason: "a packet was not as it should be")
        case .here: session?.close(.goingAway, reason: "")
        }
    }

    // MARK: For the session

    let framing = StreamFraming.socketIO
    var isWritable: Bool { !isEnded && connection.engine.isWritable }
    var pendingByteCount: Int { progress.pendingByteCount(taken: connection.engine.takenByteCount) }

    func write(_ messages: ByteBuffer) {
        defer { progress.wrote(messages.readableBytes, upTo: connection.engine.writtenByteCount) }
        var frames = messages
        while !isEnded, let frame = SocketFrame(&frames) {
            if let cursor = frame.cursor {
                connection.sendText(
                    SocketPacket.event(namespace, name: "event", frame.json.readableBytesView, cursor: cursor))
            } else if let object = try? JSONValue(parsing: Array(frame.json.readableBytesView)).objectValue {
                if object["type"] != nil { writeMerged(frame.json, object) } else { act(on: machine.receive(object)) }
            }
        }
    }

    /// An event that stands alone has no cursor beside it.
    private func writeMerged(_ json: ByteBuffer, _ object: JSONObject) {
        let cursor = object["id"]?.stringValue.flatMap { Cursor($0) }
        connection.sendText(SocketPacket.event(namespace, name: "event", json.readableBytesView, cursor: cursor))
    }

    private func act(on action: NamespaceStateMachine.Action) {
        switch action {
        case .none: break
        case .connect(let pid, let start, let isReset):
            connection.connected(namespace, sid: id(), pid: pid ?? RecoveryPlace.pid(id(), startingAfter: start))
            if isReset {
                let reset: JSONValue = ["thread_id": .string(thread?.rawValue ?? ""), "reason": "unknown"]
                connection.send(SocketPacket(.event, namespace, ["reset", reset, "start"]))
            }
        case .connectWithoutPid:
            connection.connected(namespace, sid: id())
        case .refuse(let error):
            later {
                let session = self.session
                self.refuse(error)
                session?.closed()
                self.session = nil
            }
        case .endConnection:
            connection.engine.end("try again")
        case .acknowledge(let id, let result):
            connection.send(SocketPacket(.ack, namespace, id: id, [result]))
        case .event(let name, let value, let last):
            connection.send(
                SocketPacket(.event, namespace, .array([.string(name), value] + (last.map { [.string($0)] } ?? []))))
        case .eventAndDisconnect(let name, let value):
            connection.send(SocketPacket(.event, namespace, [.string(name), value]))
            isEnded = true
            later {
                self.connection.disconnect(self.namespace, from: self)
                self.session?.closed()
                self.session = nil
            }
        }
    }

    private func id() -> String { hub.runtime.configuration.identifiers.text(prefix: "s").string }

    func flush() { connection.flush() }

    /// The pings are those of Engine.IO.
    func ping() -> Int { 0 }

    func setReading(_ isEnabled: Bool) {
        if !isEnded { connection.setReading(isEnabled, of: namespace) }
    }

    func close(_ code: StreamCloseCode, reason: String) {
        guard !isEnded else { return }
        isEnded = true
        let action = machine.closed(code, reason: reason)
        later {
            self.session = nil
            switch action {
            case .none: break
            case .refuse(let code):
                self.connection.refused(
                    self.namespace, by: self, ["message": .string(code), "data": ["code": .string(code)]])
            case .disconnect: self.connection.disconnect(self.namespace, from: self)
            case .endConnection: self.connection.engine.end(reason)
            }
        }
    }
}
