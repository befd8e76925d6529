import AgentEvents
import AgentEventsProtocol
public import AgentEventsServer
import Hummingbird

extension ServiceExtension {
    /// The UI message stream of the Vercel AI SDK, for its `DefaultChatTransport` with the `api` `{path}/{agent}`. A client of version 5
    /// adds `?version=5`.
    ///
    /// - Parameter path: the path before the agents.
    public static func aiSDK(path: String = "/ai-sdk") -> ServiceExtension {
        ServiceExtension { interface, router in
            let chats = AISDKChats(interface: interface)
            let api = "\(RoutePath.trimmed(path))/:agent"
            let parameters = [AISDKChats.versionParameter]
            interface.add(
                RouterPath(api), [.init(.post, parameters: parameters) { try await chats.post($0, $1) }], to: router)
            interface.add(
                RouterPath("\(api)/:chat/stream"),
                [.init(.get, parameters: parameters) { try await chats.resume($0, $1) }], to: router)
            interface.add(
                RouterPath("\(api)/:chat/messages"),
                [.init(.get, parameters: parameters) { try await chats.messages($0, $1) }], to: router)
            interface.add(
                RouterPath("\(api)/:chat/stop"),
                [.init(.post, parameters: parameters) { try await chats.stop($0, $1) }], to: router)
            return []
        }
    }
}
