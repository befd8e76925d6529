public import AgentEventsClient
public import AgentEventsHub
import AgentEventsProtocol
public import NIOCore
public import NIOPosix

/// Connects a client to a hub in the same process: without sockets, and with everything else as over the network.
///
/// ```swift
/// let client = StreamClient(connector: InProcessConnector(hub, as: Principal(user: "u_1")))
/// try await client.withEvents(of: "t_7", from: .start) { events in … }
/// ```
///
/// For tests of code that emits events or follows them, and for parts of one program that should be as separate as
/// several programs. The hub is run as ever; a client that comes before is welcomed, and answered once the log is open.
public struct InProcessConnector: StreamConnector {
    private let hub: AgentEventsHub
    private let principal: Principal
    private let eventLoopGroup: any EventLoopGroup

    /// - Parameters:
    ///   - principal: the user of the connections, and what they may do.
    ///   - eventLoopGroup: where the hub's ends live. Default: the event loops of the process.
    public init(
        _ hub: AgentEventsHub,
        as principal: Principal,
        on eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) {
        self.hub = hub
        self.principal = principal
        self.eventLoopGroup = eventLoopGroup
    }

    public func withConnection<Result: Sendable>(
        _ body: (StreamConnection) async throws -> Result
    ) async throws -> Result {
        let connection = try await InProcessConnection.open(to: hub, as: principal, on: eventLoopGroup.next())
        defer { connection.close() }
        return try await body(StreamConnection(InProcessLink(connection: connection)))
    }
}

/// A connection as the client wants it.
private struct InProcessLink: StreamLink {
    let connection: InProcessConnection

    func next() async throws -> [UInt8]? {
        do throws(InProcessClosure) {
            return try await connection.next()
        } catch {
            throw Self.error(error)
        }
    }

    func send(_ message: [UInt8]) async throws(AgentEventsClientError) {
        do throws(InProcessClosure) {
            try await connection.send(message)
        } catch {
            throw Self.error(error)
        }
    }

    /// Within one process nothing gets lost in silence.
    func limitSilence(to time: Duration) {}

    func close() async { connection.close() }

    private static func error(_ closure: InProcessClosure) -> AgentEventsClientError {
        guard closure.code == .notAuthenticated else {
            return AgentEventsClientError(
                .closed, "the hub closed the connection with code \(closure)",
                closeCode: closure.code.map { Int($0.rawValue) },
                cause: closure)
        }
        return AgentEventsClientError(
            closeCode: Int(StreamCloseCode.notAuthenticated.rawValue), reason: closure.reason)
    }
}
