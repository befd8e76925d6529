import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import NIOCore

/// One namespace of a connection, as the client of it is connected to.
protocol SocketEndpoint: AnyObject {
    func received(_ arguments: [JSONValue], id: UInt64?, attachments: [ByteBuffer])
    func heard()
    func readComplete()
    func writabilityChanged()
    func serverStops()
    /// The client has left the namespace, or the connection has ended. It is the last.
    func ended(_ end: EngineEnd)
}

/// Makes the endpoints of a connection.
protocol SocketNamespaces {
    /// Begins to connect the client to a namespace; ``SocketConnection/connected(_:pid:)`` or
    /// ``SocketConnection/refused(_:_:)`` follows, not within the call.
    ///
    /// - Returns: `nil` when there is no such namespace.
    func connect(_ namespace: String, _ auth: JSONObject, on connection: SocketConnection) -> (any SocketEndpoint)?
}

/// Socket.IO on a session of Engine.IO: its namespaces, and the packets between them and the client. Confined to the loop.
///
/// While the client is being connected to a namespace, what it sends is held, and nothing further is read.
final class SocketConnection: EngineApplication {
    let engine: EngineSession
    private let makeNamespaces: (SocketConnection) -> any SocketNamespaces
    private lazy var namespaces: any SocketNamespaces = makeNamespaces(self)
    private var decoder = SocketPacketDecoder()
    private var endpoints: [String: any SocketEndpoint] = [:]
    /// The namespace that the client is being connected to.
    private var connecting: String?
    /// What has come meanwhile: not more than one body or one read has.
    private var held = Deque<SocketPacket>()
    private var pausedEndpoints: Set<String> = []
    private var connectTimer: Scheduled<Void>?
    private var isEnded = false
    private static let maximumNamespaceCount = 64

    init(_ engine: EngineSession, _ makeNamespaces: @escaping (SocketConnection) -> any SocketNamespaces) {
        self.engine = engine
        self.makeNamespaces = makeNamespaces
        connectTimer = engine.eventLoop.assumeIsolated().scheduleTask(
            in: .milliseconds(engine.settings.connectTimeoutMilliseconds)
        ) {
            if self.endpoints.isEmpty { self.engine.end("no namespace was connected to in time") }
        }
    }

    // MARK: For the endpoints

    func send(_ packet: SocketPacket) {
        sendText(packet.text)
        for attachment in packet.attachments { engine.send(.binary(attachment)) }
    }

    func sendText(_ text: ByteBuffer) { engine.send(.message(text)) }

    func flush() { engine.flush() }

    /// - Parameters:
    ///   - pid: by which the client recovers; `nil` for none.
    func connected(_ namespace: String, sid: String, pid: String? = nil) {
        guard !isEnded else { return }
        let members = [("sid", JSONValue.string(sid))] + (pid.map { [("pid", JSONValue.string($0))] } ?? [])
        send(SocketPacket(.connect, namespace, .object(JSONObject(members))))
        didConnect(namespace)
    }

    func refused(_ namespace: String, _ error: JSONValue) {
        guard !isEnded else { return }
        send(SocketPacket(.connectError, namespace, error))
        endpoints[namespace] = nil
        didConnect(namespace)
        flush()
    }

    private func didConnect(_ namespace: String) {
        guard connecting == namespace else { return }
        connecting = nil
        // Not in a call of the endpoint.
        engine.eventLoop.assumeIsolated().execute { self.takeHeld() }
    }

    private func takeHeld() {
        while !isEnded, connecting == nil, let packet = held.popFirst() { take(packet) }
        if !isEnded { flush() }
        updateReading()
    }

    /// The client is disconnected from a namespace, for good.
    func disconnect(_ namespace: String) {
        guard !isEnded, endpoints.removeValue(forKey: namespace) != nil else { return }
        send(SocketPacket(.disconnect, namespace))
        pausedEndpoints.remove(namespace)
        didConnect(namespace)
        flush()
        updateReading()
    }

    func setReading(_ isEnabled: Bool, of namespace: String) {
        if isEnabled { pausedEndpoints.remove(namespace) } else { pausedEndpoints.insert(namespace) }
        updateReading()
    }

    private func updateReading() {
        // Within a call of the engine, which looks at it after that.
        engine.eventLoop.assumeIsolated().execute {
            if !self.isEnded { self.engine.setReading(self.connecting == nil && self.pausedEndpoints.isEmpty) }
        }
        if connecting != nil { engine.setReading(false) }
    }

    // MARK: Engine.IO

    func received(text: ByteBuffer) { receive { try $0.receive(text: text) } }

    func received(binary: ByteBuffer) { receive { try $0.receive(binary: binary) } }

    private func receive(_ read: (inout SocketPacketDecoder) throws -> SocketPacket?) {
        guard !isEnded else { return }
        do {
            guard let packet = try read(&decoder) else { return }
            guard connecting == nil, held.isEmpty else { return held.append(packet) }
            take(packet)
        } catch {
            violate()
        }
    }

    /// The client broke a rule.
    private func violate() {
        let endpoints = endpoints
        end()
        for endpoint in endpoints.values { endpoint.ended(.violation) }
        engine.end("a packet was not as it should be")
    }

    private func take(_ packet: SocketPacket) {
        switch packet.kind {
        case .connect: connect(packet)
        case .disconnect:
            guard let endpoint = endpoints.removeValue(forKey: packet.namespace) else { return violate() }
            pausedEndpoints.remove(packet.namespace)
            endpoint.ended(.clientLeft)
            updateReading()
        case .event, .binaryEvent:
            guard let endpoint = endpoints[packet.namespace] else { return violate() }
            endpoint.received(packet.payload?.arrayValue ?? [], id: packet.id, attachments: packet.attachments)
        case .ack, .binaryAck, .connectError:
            // Nothing was asked of the client.
            if endpoints[packet.namespace] == nil { violate() }
        }
    }

    private func connect(_ packet: SocketPacket) {
        guard endpoints[packet.namespace] == nil else { return violate() }
        guard endpoints.count < Self.maximumNamespaceCount else {
            let message = "a connection has at most \(Self.maximumNamespaceCount) namespaces"
            send(SocketPacket(.connectError, packet.namespace, ["message": .string(message)]))
            return flush()
        }
        connecting = packet.namespace
        guard let endpoint = namespaces.connect(packet.namespace, packet.payload?.objectValue ?? [:], on: self) else {
            connecting = nil
            send(SocketPacket(.connectError, packet.namespace, ["message": "Invalid namespace"]))
            return flush()
        }
        endpoints[packet.namespace] = endpoint
        updateReading()
    }

    func heard() { for endpoint in endpoints.values { endpoint.heard() } }

    func readComplete() {
        for endpoint in endpoints.values { endpoint.readComplete() }
        if !isEnded { flush() }
    }

    func writabilityChanged() { for endpoint in endpoints.values { endpoint.writabilityChanged() } }

    func serverStops() {
        if endpoints.isEmpty { return engine.end("the service stops") }
        for endpoint in endpoints.values { endpoint.serverStops() }
    }

    func ended(_ end: EngineEnd) {
        let endpoints = endpoints
        self.end()
        for endpoint in endpoints.values { endpoint.ended(end) }
    }

    private func end() {
        isEnded = true
        connectTimer?.cancel()
        endpoints = [:]
        held = Deque()
    }
}
