import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import AgentEventsServer
import Hummingbird

enum RoutePath {
    /// A path below the root, without slashes at its ends.
    static func trimmed(_ path: String) -> String { path.split(separator: "/").joined(separator: "/") }
}

enum AgentPath {
    /// The agent in the path.
    ///
    /// - Throws: ``ProtocolError`` `request.invalid` for what is no name, `agent.unknown` for an agent that is not served.
    static func agent(
        _ context: BasicRequestContext,
        _ interface: HTTPInterface<BasicRequestContext>
    ) throws(ProtocolError) -> AgentName {
        let text = context.parameters.get("agent") ?? ""
        let names = interface.hub.agentNames
        if let name = names.first(where: { $0.rawValue == text }) { return name }
        throw ProtocolError(
            .agentUnknown,
            "there is no agent \(text) here, there are: \(names.map(\.rawValue).joined(separator: ", "))")
    }
}
