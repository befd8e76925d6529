internal import AgentEvents

/// Carries out what ``FollowerStateMachine`` decides: one connection after the other, handing on what arrives.
struct FollowerPump: Sendable {
    let client: AgentEventsClient
    let thread: ThreadID
    let start: StartPosition
    let handover: Handover<FollowedElement>

    /// Returns when the service refused for good, which the handover tells its reader, or when its task is cancelled.
    func run() async {
        do {
            try await follow()
        } catch {
            handover.finish(throwing: error)
        }
    }

    private func follow() async throws {
        let configuration = client.configuration
        var machine = FollowerStateMachine(thread: thread, start: start, backoff: configuration.backoff)
        while true {
            let fault: AgentEventsClientError
            do {
                fault = try await client.withConnection { connection in
                    try await receive(from: connection, &machine)
                }
            } catch let error as AgentEventsClientError {
                fault = error
            }
            try Task.checkCancellation()
            switch machine.disconnected(fault, random: configuration.random()) {
            case .fail(let error):
                throw error
            case .reconnect(let pause):
                try await handover.offer(.interrupted(fault, pauseSeconds: pause))
                try await configuration.clock.sleep(for: .seconds(pause))
            }
        }
    }

    /// - Returns: why the connection was left.
    private func receive(
        from connection: StreamConnection,
        _ machine: inout FollowerStateMachine
    ) async throws -> AgentEventsClientError {
        for try await bytes in connection.messages {
            switch machine.receive(try StreamMessage(bytes)) {
            case .ignore:
                break
            case .subscribe(let heartbeat):
                if let heartbeat {
                    connection.limitSilence(toSeconds: 2 * heartbeat + client.configuration.silenceSlackSeconds)
                }
                try await connection.send(subscription(from: machine.position))
            case .deliver(let element):
                try await handover.offer(element)
            case .disconnect(let error, let element):
                if let element { try await handover.offer(element) }
                return error
            }
        }
        throw CancellationError()
    }

    private func subscription(from position: StartPosition) -> JSONValue {
        let after =
            switch position {
            case .start: "start"
            case .now: "now"
            case .after(let cursor): cursor.description
            }
        // The bytes of the log, whatever this client missed.
        return [
            "op": "subscribe", "req": 1, "thread_id": .string(thread.rawValue), "after": .string(after), "merge": false,
        ]
    }
}
