import AgentEvents
import AgentEventsProtocol
public import AgentEventsServer
import Hummingbird

extension ServiceExtension {
    /// AG-UI, 1.0 and before: `POST {path}/{agent}` runs an agent, and `GET {path}/{agent}/capabilities` says what it can do. And the
    /// routes of CopilotKit's runtime, so that its clients need none.
    ///
    /// - Parameters:
    ///   - path: the path before the agents.
    ///   - copilotKitPath: the path of CopilotKit's runtime; `nil` for none.
    public static func agui(path: String = "/agui", copilotKitPath: String? = "/copilotkit") -> ServiceExtension {
        ServiceExtension { interface, router in
            let runs = AGUIRuns(interface: interface)
            let agentPath = "\(RoutePath.trimmed(path))/:agent"
            interface.add(
                RouterPath(agentPath),
                [
                    .init(.post) { request, context in
                        try await runs.run(request, agent: try AgentPath.agent(context, interface))
                    }
                ], to: router)
            interface.add(
                RouterPath("\(agentPath)/capabilities"),
                [
                    .init(.get) { request, context in
                        _ = try await interface.principal(of: request)
                        let agent = try AgentPath.agent(context, interface)
                        return interface.answer(.ok, AGUICapabilities.json(of: agent))
                    }
                ], to: router)
            guard let copilotKitPath else { return [] }
            let base = RoutePath.trimmed(copilotKitPath)
            let copilot = CopilotRoutes(interface: interface)
            interface.add(
                RouterPath("\(base)/info"), [.init(.get) { request, _ in try await copilot.info(request) }], to: router)
            interface.add(
                RouterPath("\(base)/agent/:agent/run"),
                [
                    .init(.post) { request, context in
                        try await runs.run(request, agent: try AgentPath.agent(context, interface))
                    }
                ], to: router)
            interface.add(
                RouterPath("\(base)/agent/:agent/connect"),
                [.init(.post) { request, _ in try await runs.connect(request) }], to: router)
            interface.add(
                RouterPath("\(base)/agent/:agent/stop/:thread"),
                [.init(.post) { try await copilot.stop($0, $1) }], to: router)
            return []
        }
    }
}
