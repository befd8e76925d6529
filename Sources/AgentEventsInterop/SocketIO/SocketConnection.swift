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
    /// Begins to connect the client to a namespace; ``SocketConnection/connected(_:sid:pid:)`` or
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
    private var hasConnected = false
    /// The bytes that came before the first namespace was connected to, from anybody.
    private var earlyByteCount = 0
    private var refusedCount = 0
    private static let maximumNamespaceCount = 64
    private static let maximumEarlyByteCount = 64 * 1024

    init(_ engine: EngineSession, _ makeNamespaces: @escaping (SocketConnection) -> any SocketNamespaces) {
        self.engine = engine
        self.makeNamespaces = makeNamespaces
        awaitNamespace()
    }

    /// Ends the connection when it has no namespace for too long.
    private func awaitNamespace() {
        guard endpoints.isEmpty, !isEnded else { return }
        connectTimer?.cancel()
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
        hasConnected = true
        send(.connected(namespace, sid: sid, pid: pid))
        didConnect(namespace)
    }

    /// Whether the client is connected to another namespace, too, or about to be.
    func hasOthers(than namespace: String) -> Bool { endpoints.keys.contains { $0 != namespace } }

    /// - Parameter endpoint: the one that refuses; another may have its name by now.
    func refused(_ namespace: String, by endpoint: any SocketEndpoint, _ error: JSONValue) {
        guard !isEnded, endpoints[namespace] === endpoint else { return }
        endpoints[namespace] = nil
        pausedEndpoints.remove(namespace)
        tellRefusal(namespace, error)
        didConnect(namespace)
        updateReading()
        awaitNamespace()
    }

    /// Whoever is refused again and again, and asks on, is not waited for.
    private func tellRefusal(_ namespace: String, _ error: JSONValue) {
        refusedCount += 1
        guard refusedCount <= Self.maximumNamespaceCount else { return violate() }
        send(SocketPacket(.connectError, namespace, error))
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
    ///
    /// - Parameter endpoint: the one that is left; another may have its name by now.
    func disconnect(_ namespace: String, from endpoint: any SocketEndpoint) {
        guard !isEnded, endpoints[namespace] === endpoint else { return }
        endpoints[namespace] = nil
        send(SocketPacket(.disconnect, namespace))
        pausedEndpoints.remove(namespace)
        didConnect(namespace)
        flush()
        updateReading()
        awaitNamespace()
    }

    func setReading(_ isEnabled: Bool, of namespace: String) {
        if isEnabled { pausedEndpoints.remove(namespace) } else { pausedEndpoints.insert(namespace) }
        updateReading()
    }

    private func updateReading() {
        // A call of the engine may be under way, which looks at it after that: at once to stop, later to go on.
        engine.eventLoop.assumeIsolated().execute {
            if !self.isEnded { self.engine.setReading(self.connecting == nil && self.pausedEndpoints.isEmpty) }
        }
        if connecting != nil || !pausedEndpoints.isEmpty { engine.setReading(false) }
    }

    // MARK: Engine.IO

    func received(text: ByteBuffer) { receive(text.readableBytes) { try $0.receive(text: text) } }

    func received(binary: ByteBuffer) { receive(binary.readableBytes) { try $0.receive(binary: binary) } }

    private func receive(_ byteCount: Int, _ read: (inout SocketPacketDecoder) throws -> SocketPacket?) {
        guard !isEnded else { return }
        if !hasConnected {
            earlyByteCount += byteCount
            guard earlyByteCount <= Self.maximumEarlyByteCount else { return violate() }
        }
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
            awaitNamespace()
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
            return tellRefusal(packet.namespace, ["message": .string(message)])
        }
        connecting = packet.namespace
        guard let endpoint = namespaces.connect(packet.namespace, packet.payload?.objectValue ?? [:], on: self) else {
            connecting = nil
            return tellRefusal(packet.namespace, ["message": "Invalid namespace"])
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
