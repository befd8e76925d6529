import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import AgentEventsServer
import Hummingbird
import HummingbirdCore

/// The routes of CopilotKit's runtime, for its clients without that runtime.
struct CopilotRoutes: Sendable {
    let interface: HTTPInterface<BasicRequestContext>

    private var hub: AgentEventsHub { interface.hub }

    /// `GET {base}/info`: the agents.
    func info(_ request: Request) async throws -> Response {
        _ = try await interface.principal(of: request)
        var agents: JSONObject = [:]
        for name in hub.agentNames {
            agents[name.rawValue] = [
                "name": .string(name.rawValue), "description": "", "className": "HttpAgent",
                "capabilities": AGUICapabilities.json(of: name),
            ]
        }
        return interface.answer(
            .ok,
            [
                "version": "1.0", "agents": .object(agents), "audioFileTranscriptionEnabled": false, "mode": "sse",
                "suggestions": false, "telemetryDisabled": true,
            ])
    }

    /// `POST {base}/agent/{id}/stop/{thread}`: ends the runs of a thread.
    func stop(_ request: Request, _ context: BasicRequestContext) async throws -> Response {
        let principal = try await interface.principal(of: request)
        let thread: ThreadID = try interface.identifier("thread", of: context, "the thread in the path")
        if let refusal = hub.usage.command(of: principal, in: thread) { throw refusal }
        let isStopped: Bool
        do throws(ProtocolError) {
            let answer = try await hub.commands.submit(
                CommandRequest(
                    thread: thread, key: try StopKey.next(of: hub), CommandBody(.run(.stop, reason: nil))),
                as: principal)
            isStopped = answer.outcome == .done
        } catch {
            guard error.isNothingToStop else { throw error }
            isStopped = false
        }
        return interface.answer(.ok, ["stopped": .bool(isStopped)])
    }
}
