package import AgentEvents
internal import AgentEventsProtocol

/// Emits events one after the other as they come, over as many connections as it takes: each is logged once, in order,
/// also when the service is killed between a commit and its answer. Carries out what ``EmitStateMachine`` decides.
package struct EventFeed: Sendable {
    /// The program could not report what is committed.
    private struct ReportError: Error {
        let cause: any Error
    }

    private enum Ending: Sendable {
        /// Nothing further is taken; with what was wrong.
        case input((any Error)?)
        /// The feed is over.
        case output
    }

    private let client: StreamClient
    private let configuration: EmitConfiguration
    private let core: EmitCore
    private let interruption = WakeSignal()

    /// For one run.
    package init(client: StreamClient, configuration: EmitConfiguration) {
        self.client = client
        self.configuration = configuration
        core = EmitCore(configuration, client: client.configuration)
    }

    /// The progress so far.
    package var progress: EmitProgress { core.progress }

    package var isInterrupted: Bool { core.isInterrupted }

    /// Takes no further input after a moment, and leaves when what was taken is committed. From any task.
    package func interrupt() {
        core.interrupt()
        interruption.signal()
    }

    /// Runs until the input has ended and everything is committed.
    ///
    /// - Parameters:
    ///   - produce: offers the events. It is cancelled when nothing further is taken. What it throws is thrown when the
    ///     events before it are committed.
    ///   - report: is given the cursors of what is committed, in order.
    ///   - note: is told why the connection ended, when another one will be opened; once until something is committed.
    /// - Throws: ``EmitFailure``, or what the parameters throw.
    package func run(
        producing produce: @escaping @Sendable (EventFeed) async throws -> Void,
        reporting report: @escaping @Sendable ([Cursor]) throws -> Void,
        noting note: @escaping @Sendable (AgentEventsClientError) -> Void
    ) async throws {
        let inputError: (any Error)? = try await withThrowingTaskGroup(of: Ending.self) { group in
            group.addTask {
                let error = await input(produce)
                core.endInput()
                return .input(error)
            }
            group.addTask {
                try await pump(report, note)
                return .output
            }
            defer { group.cancelAll() }
            var inputError: (any Error)?
            while let ending = try await group.next() {
                switch ending {
                case .input(let error): inputError = error
                // Input that is waited for is of no use any longer.
                case .output: group.cancelAll()
                }
            }
            return inputError
        }
        if let failure = core.failure { throw failure }
        try Task.checkCancellation()
        if let inputError { throw inputError }
    }

    /// Puts an event in; suspends while as much waits as may.
    ///
    /// - Throws: `CancellationError` when nothing further is taken.
    package func emit(_ item: EmitItem) async throws(CancellationError) { try await core.offer(item) }

    /// - Returns: what was wrong with the input.
    private func input(_ produce: @escaping @Sendable (EventFeed) async throws -> Void) async -> (any Error)? {
        await withTaskGroup(of: (any Error)?.self) { group in
            group.addTask {
                do {
                    try await produce(self)
                    return nil
                } catch is CancellationError {
                    return nil
                } catch {
                    return error
                }
            }
            group.addTask {
                // Cancelled when the input has ended before.
                guard await interruption.wait() else { return nil }
                try? await client.configuration.clock.sleep(for: configuration.interruptedInputTimeout)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            let second = await group.next() ?? nil
            return first ?? second
        }
    }

    /// One connection after the other.
    private func pump(
        _ report: @escaping @Sendable ([Cursor]) throws -> Void,
        _ note: @Sendable (AgentEventsClientError) -> Void
    ) async throws {
        while true {
            try Task.checkCancellation()
            switch core.next() {
            case .stop:
                return
            case .rest:
                _ = await core.changes.wait()
            case .pause(let time):
                await pause(for: time)
            case .connect:
                guard let error = try await connect(report) else { continue }
                if case .retry(isNews: true) = core.disconnected(error) { note(error) }
            }
        }
    }

    /// Opens a connection, and stays on it until it breaks or the feed is over.
    ///
    /// - Returns: how it broke.
    private func connect(
        _ report: @escaping @Sendable ([Cursor]) throws -> Void
    ) async throws -> AgentEventsClientError? {
        do {
            try await client.withConnection { try await converse($0, report) }
            return nil
        } catch let error as AgentEventsClientError {
            return error
        } catch let error as ReportError {
            throw error.cause
        } catch {
            try Task.checkCancellation()
            return AgentEventsClientError(.closed, "the connection broke: \(error)", closeCode: 1006, cause: error)
        }
    }

    /// Waits for a time, or until something was put in.
    private func pause(for time: Duration) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { _ = await core.changes.wait() }
            group.addTask {
                // Cancelled when something was put in.
                try? await client.configuration.clock.sleep(for: time)
            }
            await group.next()
            group.cancelAll()
        }
    }

    /// Returns when the feed is over.
    private func converse(
        _ connection: StreamConnection,
        _ report: @escaping @Sendable ([Cursor]) throws -> Void
    ) async throws {
        let tokens = TokenKeeper(client.tokenProvider, client.configuration)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await read(connection, tokens, report) }
            group.addTask { try await write(connection) }
            group.addTask {
                await tokens.run(on: connection)
                throw CancellationError()
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func read(
        _ connection: StreamConnection,
        _ tokens: TokenKeeper,
        _ report: @escaping @Sendable ([Cursor]) throws -> Void
    ) async throws {
        for try await bytes in connection.messages {
            let action: EmitStateMachine.ReceiveAction
            let message = try ServerMessage(received: bytes)
            tokens.receive(message)
            switch message {
            case .welcome(let welcome):
                if let heartbeat = welcome.heartbeatMilliseconds { limitSilence(of: connection, heartbeat) }
                core.welcome(EmitLimits(welcome.limits))
                continue
            case .drain(let milliseconds):
                core.drain(for: .milliseconds(milliseconds))
                continue
            case .ping:
                try await connection.send(ClientMessage(.pong))
                continue
            case .emitted(let tag, _, let cursors): action = core.emitted(tag, cursors)
            case .error(let error): action = core.refused(error)
            case .event, .subscribed, .unsubscribed, .live, .reset, .snapshot, .snapshotPart, .accepted, .refreshed,
                .expiring, .pong, .membersChanged, .watching, .threads, .unwatched, .serving, .run, .renewed, .cancel,
                .other:
                continue
            }
            switch action {
            case .ignore, .proceed: break
            case .report(let cursors):
                do { try report(cursors) } catch { throw ReportError(cause: error) }
                core.reported()
            case .leave(let error): throw error
            }
            if core.isOver { return }
        }
        throw CancellationError()
    }

    private func write(_ connection: StreamConnection) async throws {
        if !client.hasCredentials { await connection.askForWelcome() }
        repeat {
            // A connection that has ended tells its reader why.
            if let message = core.takeRequest() {
                do { try await connection.send(bytes: message) } catch { return try await Self.waitForCancellation() }
            }
            if core.isOver { return }
        } while await core.changes.wait()
        throw CancellationError()
    }

    private static func waitForCancellation() async throws {
        _ = await WakeSignal().wait()
        throw CancellationError()
    }

    private func limitSilence(of connection: StreamConnection, _ heartbeatMilliseconds: Int64) {
        connection.limitSilence(
            to: Duration.milliseconds(heartbeatMilliseconds) * 2 + client.configuration.heartbeatTolerance)
    }
}
