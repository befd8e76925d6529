public import AgentEventsServer
import Hummingbird

extension ServiceExtension {
    /// `GET /v1/threads/{thread}/frames`: the exact frames that clients of a protocol are sent for a range of a thread, with a
    /// verdict by the rules of their verifiers. For those who may read the thread; the inspector shows it.
    public static func frames() -> ServiceExtension {
        ServiceExtension { interface, router in
            let frames = FramesRoute(interface: interface)
            interface.add(
                "v1/threads/:thread/frames",
                [.init(.get, parameters: FramesRoute.parameters) { try await frames.respond($0, $1) }], to: router)
            return []
        }
    }
}
