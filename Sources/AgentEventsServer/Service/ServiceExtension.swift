package import Hummingbird

/// A protocol of others that an ``AgentEventsService`` speaks beside its own: on the same port, with the same credentials, rights and
/// limits. `AgentEventsInterop` has them.
public struct ServiceExtension: Sendable {
    /// Adds its routes, below the root of the service.
    let addRoutes: @Sendable (HTTPInterface<BasicRequestContext>, Router<BasicRequestContext>) -> [ForeignWebSocket]

    /// - Parameter addRoutes: adds its routes, below the root of the service, by ``HTTPInterface/add(_:_:to:)``, and returns the
    ///   WebSockets that it has of its own. Called once, before the service listens.
    package init(
        addRoutes:
            @escaping @Sendable (HTTPInterface<BasicRequestContext>, Router<BasicRequestContext>) ->
            [ForeignWebSocket]
    ) {
        self.addRoutes = addRoutes
    }
}
