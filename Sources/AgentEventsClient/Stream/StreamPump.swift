internal import AgentEvents
internal import AgentEventsProtocol

/// Carries out what ``StreamStateMachine`` decides: one connection after the other, and on each a task that reads, one
/// that writes, and one for what is due after a while.
struct StreamPump: Sendable {
    /// The end of a connection.
    private enum Ending: Sendable {
        /// By a fault, which may pass.
        case fault(AgentEventsClientError)
        /// The stream is closed, and everything is sent.
        case goodbye
    }

    /// The longest silence that is tolerated, whatever the service says about its heartbeat.
    private static let longestSilence: Duration = .seconds(24 * 3600)

    let client: StreamClient
    let core: StreamCore

    /// Returns when the service refused for good, the stream is closed, or the task is cancelled.
    func run() async {
        defer { core.finish() }
        while case .connect = core.connect() {
            guard case .fault(let fault) = await connection(), !Task.isCancelled else { return }
            switch core.disconnected(fault) {
            case .refuse, .stop:
                return
            case .pause(let time):
                do { try await client.configuration.clock.sleep(for: time) } catch { return }
            }
        }
    }

    private func connection() async -> Ending {
        do {
            return try await client.withConnection { try await converse($0) }
        } catch let error as AgentEventsClientError {
            return .fault(error)
        } catch {
            return .fault(
                AgentEventsClientError(.closed, "the connection broke: \(error)", closeCode: 1006, cause: error))
        }
    }

    private func converse(_ connection: StreamConnection) async throws -> Ending {
        let tokens = TokenKeeper(client.tokenProvider, client.configuration)
        return try await withThrowingTaskGroup(of: Ending?.self) { group in
            group.addTask { .fault(try await read(connection, tokens)) }
            group.addTask {
                await tokens.run(on: connection)
                return nil
            }
            group.addTask { try await write(connection) ? .goodbye : nil }
            group.addTask {
                await keepTime()
                return nil
            }
            defer { group.cancelAll() }
            while let ending = try await group.next() {
                if let ending { return ending }
            }
            throw CancellationError()
        }
    }

    /// - Returns: the fault for which the connection must be left.
    private func read(
        _ connection: StreamConnection,
        _ tokens: TokenKeeper
    ) async throws -> AgentEventsClientError {
        for try await bytes in connection.messages {
            let message = try ServerMessage(received: bytes)
            tokens.receive(message)
            let actions = core.receive(message)
            if let silence = actions.silence {
                connection.limitSilence(
                    to: min(max(.zero, silence), Self.longestSilence) + client.configuration.heartbeatTolerance)
            }
            if let fault = actions.leave { return fault }
            if actions.awaitsRoom { await awaitRoom() }
        }
        throw CancellationError()
    }

    private func awaitRoom() async {
        let clock = client.configuration.clock
        let timeout = client.configuration.fullInboxTimeout
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await core.awaitRoom() }
            group.addTask {
                // Cancelled when there is room.
                do { try await clock.sleep(for: timeout) } catch { return }
            }
            await group.next()
            group.cancelAll()
        }
        core.stopAwaitingRoom()
    }

    /// - Returns: whether the last message was sent.
    private func write(_ connection: StreamConnection) async throws -> Bool {
        if !client.hasCredentials { await connection.askForWelcome() }
        repeat {
            let (requests, isLast) = core.takeOutgoing()
            for request in requests {
                let bytes = try request.encoded()
                // A connection that has ended tells its reader why.
                do { try await connection.send(bytes: bytes) } catch { return false }
            }
            if isLast { return true }
        } while await core.writer.wait()
        return false
    }

    private func keepTime() async {
        let interval = client.configuration.acknowledgementInterval
        var counts = core.needsTime
        while true {
            if !counts, await !core.timekeeper.wait() { return }
            do { try await client.configuration.clock.sleep(for: interval) } catch { return }
            counts = core.advance(by: interval)
        }
    }
}
