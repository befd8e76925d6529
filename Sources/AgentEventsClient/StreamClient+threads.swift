internal import AgentEvents
internal import AgentEventsProtocol

extension StreamClient {
    /// Follows the list of threads that one may see, over one connection at a time, opened again as often as it takes; until the
    /// task is cancelled.
    ///
    /// ```swift
    /// try await client.followThreads(ThreadQuery(status: .waiting)) { list in show(list.threads) }
    /// ```
    ///
    /// What happens while the closure is busy is not made up for: the next list is that of then, and so is the first one after a
    /// connection was lost.
    ///
    /// - Parameters:
    ///   - query: the threads; all that one may see unless it says otherwise.
    ///   - body: is given the whole list, first as it is and then whenever it has changed, one after the other.
    /// - Throws: what the closure throws; `CancellationError`; ``AgentEventsClientError`` when the service refuses, and will again.
    public func followThreads(
        _ query: ThreadQuery = ThreadQuery(),
        _ body: (ThreadList) async throws -> Void
    ) async throws {
        var failures = 0
        var hasTriedNewToken = false
        while true {
            do {
                try await withConnection { connection in
                    try await follow(query, on: connection) { list in
                        (failures, hasTriedNewToken) = (0, false)
                        do { try await body(list) } catch { throw BodyError(cause: error) }
                    }
                }
            } catch let error as BodyError {
                throw error.cause
            } catch let error as AgentEventsClientError {
                try Task.checkCancellation()
                // With a token that was just made.
                let retriesOnce = tokenProvider != nil && error.isUnauthenticated && !hasTriedNewToken
                guard error.isRetryable || retriesOnce else { throw error }
                if !error.isRetryable { hasTriedNewToken = true }
                failures += 1
                let chance = configuration.random
                let pause = configuration.backoff.pause(afterFailures: failures, random: chance())
                try await configuration.clock.sleep(for: max(pause, error.retryAfter ?? .zero))
            }
        }
    }

    /// What the closure of the caller has thrown.
    private struct BodyError: Error {
        let cause: any Error
    }

    /// - Throws: how the connection has ended, or why there is no list.
    private func follow(
        _ query: ThreadQuery,
        on connection: StreamConnection,
        _ body: (ThreadList) async throws -> Void
    ) async throws {
        let tokens = TokenKeeper(tokenProvider, configuration)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await tokens.run(on: connection) }
            defer { group.cancelAll() }
            let tag = RequestTag(number: 1)
            try await connection.send(ClientMessage(tag: tag, .watch(query.request)))
            var list = WatchedThreadList()
            for try await bytes in connection.messages {
                let message = try ServerMessage(received: bytes)
                tokens.receive(message)
                switch message {
                case .welcome(let welcome):
                    guard let heartbeat = welcome.heartbeatMilliseconds else { continue }
                    connection.limitSilence(to: Duration.milliseconds(heartbeat) * 2 + configuration.heartbeatTolerance)
                case .ping:
                    try await connection.send(ClientMessage(.pong))
                case .threads(let news):
                    let now: ThreadList
                    do throws(WireError) {
                        now = try list.take(news)
                    } catch {
                        throw AgentEventsClientError(malformed: error)
                    }
                    try await body(now)
                case .error(let error) where error.tag == nil || error.tag == tag:
                    throw AgentEventsClientError(error)
                case .unwatched(_, let code):
                    throw AgentEventsClientError(
                        ProtocolError(code ?? .internalFailure, "the service does not tell of the list any longer"))
                case .watching, .event, .subscribed, .unsubscribed, .live, .reset, .snapshot, .snapshotPart, .emitted,
                    .accepted, .refreshed, .expiring, .drain, .pong, .error, .membersChanged, .serving, .run, .renewed,
                    .cancel,
                    .other:
                    continue
                }
            }
            try Task.checkCancellation()
            throw AgentEventsClientError(.closed, "the connection has ended", closeCode: 1006)
        }
    }
}
