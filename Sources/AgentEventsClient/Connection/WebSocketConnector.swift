internal import AgentEventsProtocol
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOWebSocket

/// Opens WebSockets: TCP or a unix socket, TLS where the address asks for it, the upgrade, and the handlers of the stream.
struct WebSocketConnector: TokenShowingConnector {
    typealias StreamChannel = NIOAsyncChannel<ByteBuffer, WebSocketFrame>
    private typealias AnswerChannel = NIOAsyncChannel<HTTPClientResponsePart, Never>

    private enum Outcome: Sendable {
        case opened(StreamChannel)
        case declined(AnswerChannel)
    }

    let url: StreamURL
    var token: String?
    let configuration: ClientConfiguration
    private let security: ClientSecurity?

    init(url: StreamURL, token: String?, configuration: ClientConfiguration) {
        self.url = url
        self.token = token
        self.configuration = configuration
        security =
            url.isSecure ? ClientSecurity(certificateAuthorityFile: configuration.certificateAuthorityFile) : nil
    }

    func withConnection<Result: Sendable>(
        _ body: (StreamConnection) async throws -> Result
    ) async throws -> Result {
        let channel = try await open()
        return try await channel.executeThenClose { inbound, outbound in
            let connection = StreamConnection(inbound: inbound, outbound: outbound, channel: channel.channel)
            let result = try await body(connection)
            await connection.close()
            return result
        }
    }

    func showing(_ token: String) -> WebSocketConnector {
        var connector = self
        connector.token = token
        return connector
    }

    /// - Throws: ``AgentEventsClientError``; `CancellationError` when the task is cancelled meanwhile.
    private func open() async throws -> StreamChannel {
        let outcome: Outcome
        do {
            outcome = try await connect()
        } catch let error as AgentEventsClientError {
            throw error
        } catch {
            try Task.checkCancellation()
            throw AgentEventsClientError(
                .unreachable, "no stream at \(url): \(Self.reason(error)) (is the service running there?)", cause: error
            )
        }
        switch outcome {
        case .opened(let channel): return channel
        case .declined(let channel): throw await refusal(in: channel)
        }
    }

    private func connect() async throws -> Outcome {
        // Futures do not react to cancellation; they fail when their channel is closed.
        let attempt = ConnectionAttempt()
        do {
            return try await withTaskCancellationHandler {
                try await connect(attempt)
            } onCancel: {
                attempt.cancel()
            }
        } catch {
            // A handshake that was given up fails too.
            try Task.checkCancellation()
            throw attempt.failure.flatMap { ClientSecurity.error($0, url) } ?? error
        }
    }

    private func connect(_ attempt: ConnectionAttempt) async throws -> Outcome {
        let security = try security?.prepare()
        let host = url.host
        let bootstrap = ClientBootstrap(group: configuration.eventLoopGroup).connectTimeout(limit)
        let begin: @Sendable (any Channel) -> EventLoopFuture<EventLoopFuture<Outcome>> = { channel in
            channel.eventLoop.makeCompletedFuture {
                try attempt.begin(channel)
                try channel.pipeline.syncOperations.addHandler(SilenceWatchdog(limit: limit))
                try security?.addHandlers(to: channel, host: host, onFailure: attempt.note)
                var pipeline = NIOUpgradableHTTPClientPipelineConfiguration(upgradeConfiguration: upgradeConfiguration)
                // The welcome may come in the same packet as the answer to the upgrade; by default it would be dropped.
                pipeline.leftOverBytesStrategy = .forwardBytes
                return try channel.pipeline.syncOperations.configureUpgradableHTTPClientPipeline(
                    configuration: pipeline)
            }
        }
        if let path = url.unixSocketPath {
            return try await bootstrap.connect(unixDomainSocketPath: path, channelInitializer: begin).get()
        }
        return try await bootstrap.channelOption(.socketOption(.tcp_nodelay), value: 1)
            .connect(host: url.host, port: url.port, channelInitializer: begin).get()
    }

    /// For connecting, and for the upgrade.
    private var limit: TimeAmount { TimeAmount(configuration.connectTimeout) }

    private var upgradeConfiguration: NIOTypedHTTPClientUpgradeConfiguration<Outcome> {
        var headers = HTTPHeaders([("Host", url.authority), ("Sec-WebSocket-Protocol", StreamProtocol.subprotocol)])
        if let token { headers.add(name: "Authorization", value: "Bearer \(token)") }
        let maximum = configuration.maximumMessageByteCount
        let upgrader = NIOTypedWebSocketClientUpgrader<Outcome>(
            maxFrameSize: maximum, enableAutomaticErrorHandling: false
        ) { channel, head in
            channel.eventLoop.makeCompletedFuture {
                try Self.checkSubprotocol(head.headers)
                try channel.pipeline.syncOperations.addHandler(
                    NIOWebSocketFrameAggregator(
                        minNonFinalFragmentSize: 0, maxAccumulatedFrameCount: 100_000, maxAccumulatedFrameSize: maximum)
                )
                try channel.pipeline.syncOperations.addHandler(StreamMessageHandler())
                return .opened(try StreamChannel(wrappingChannelSynchronously: channel))
            }
        }
        return NIOTypedHTTPClientUpgradeConfiguration(
            upgradeRequestHead: HTTPRequestHead(version: .http1_1, method: .GET, uri: url.path, headers: headers),
            upgraders: [upgrader],
            notUpgradingCompletionHandler: { [limit] channel in
                channel.eventLoop.makeCompletedFuture {
                    // An answer may come byte by byte.
                    let timeout = channel.eventLoop.scheduleTask(in: limit) { channel.close(promise: nil) }
                    channel.closeFuture.whenComplete { _ in timeout.cancel() }
                    return .declined(try AnswerChannel(wrappingChannelSynchronously: channel))
                }
            })
    }

    /// - Throws: ``AgentEventsClientError`` when the service speaks something else.
    private static func checkSubprotocol(_ headers: HTTPHeaders) throws(AgentEventsClientError) {
        let chosen = headers[canonicalForm: "Sec-WebSocket-Protocol"]
        guard chosen == [Substring(StreamProtocol.subprotocol)] else {
            let answer = chosen.isEmpty ? "none" : chosen.joined(separator: ", ")
            throw AgentEventsClientError(
                .protocolViolation,
                "the service does not speak \(StreamProtocol.subprotocol): the subprotocol that it chose is \(answer)",
                closeCode: 1002)
        }
    }

    /// Reads the answer of a service that did not open the stream.
    private func refusal(in channel: AnswerChannel) async -> AgentEventsClientError {
        var status: Int?
        var retryAfter: Duration?
        var body: [UInt8] = []
        do {
            (status, retryAfter, body) = try await channel.executeThenClose { inbound in
                var status: Int?
                var retryAfter: Duration?
                var body: [UInt8] = []
                reading: for try await part in inbound {
                    switch part {
                    case .head(let head):
                        status = Int(head.status.code)
                        // A number of seconds; a date is passed over.
                        retryAfter = head.headers.first(name: "Retry-After").flatMap { UInt32($0) }
                            .map { min(.seconds($0), AgentEventsClientError.longestRetryAfter) }
                    case .body(let buffer):
                        body += buffer.readableBytesView.prefix(64 * 1024 - body.count)
                        // The rest says nothing further, and may have no end.
                        if body.count == 64 * 1024 { break reading }
                    case .end: break reading
                    }
                }
                return (status, retryAfter, body)
            }
        } catch {
            return AgentEventsClientError(
                .declined, "\(url) did not open the stream, and its answer ended early", status: status, cause: error)
        }
        var error = DeclinedUpgrade.error(status: status, body: body, url: url)
        error.retryAfter = error.retryAfter ?? retryAfter
        return error
    }

    /// Connection errors of the operating system, in their own words.
    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            if let failure = error.connectionErrors.first { return reason(failure.error) }
            return "the name \(error.host) is not known"
        case let error as IOError:
            return error.words
        default:
            return "\(error)"
        }
    }
}
