import AgentEvents
import NIOCore

/// The namespaces that the suites of the protocol ask for: `/` and `/custom`, which tell of their `auth`
/// and send back what they get.
struct ConformanceNamespaces: SocketNamespaces {
    func connect(_ namespace: String, _ auth: JSONObject, on connection: SocketConnection) -> (any SocketEndpoint)? {
        guard namespace == "/" || namespace == "/custom" else { return nil }
        let endpoint = EchoEndpoint(namespace, connection)
        connection.engine.eventLoop.assumeIsolated().execute {
            connection.connected(namespace, sid: "\(connection.engine.sid)-\(namespace.utf8.count)")
            connection.send(SocketPacket(.event, namespace, ["auth", .object(auth)]))
            connection.flush()
        }
        return endpoint
    }
}

private final class EchoEndpoint: SocketEndpoint {
    private let namespace: String
    private unowned let connection: SocketConnection

    init(_ namespace: String, _ connection: SocketConnection) {
        self.namespace = namespace
        self.connection = connection
    }

    func received(_ arguments: [JSONValue], id: UInt64?, attachments: [ByteBuffer]) {
        let values = Array(arguments.dropFirst())
        switch arguments.first?.stringValue {
        case "message":
            connection.send(
                SocketPacket(
                    attachments.isEmpty ? .event : .binaryEvent, namespace, .array(["message-back"] + values),
                    attachments: attachments))
        case "message-with-ack":
            connection.send(
                SocketPacket(
                    attachments.isEmpty ? .ack : .binaryAck, namespace, id: id, .array(values), attachments: attachments
                ))
        default: break
        }
    }

    func heard() {}
    func readComplete() {}
    func writabilityChanged() {}
    func serverStops() { connection.engine.end("the service stops") }
    func ended(_ end: EngineEnd) {}
}

/// Sends back each message of Engine.IO.
final class EngineEcho: EngineApplication {
    private let session: EngineSession

    init(_ session: EngineSession) { self.session = session }

    func received(text: ByteBuffer) { session.send(.message(text)) }
    func received(binary: ByteBuffer) { session.send(.binary(binary)) }
    func heard() {}
    func readComplete() { session.flush() }
    func writabilityChanged() {}
    func serverStops() { session.end("the service stops") }
    func ended(_ end: EngineEnd) {}
}
