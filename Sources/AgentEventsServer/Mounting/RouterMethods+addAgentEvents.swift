public import AgentEventsHub
public import Hummingbird

extension RouterMethods {
    /// Adds the routes of a hub below this router or group, whatever its context is:
    ///
    /// ```swift
    /// let router = Router(context: AppContext.self)
    /// router.group("v1").addAgentEvents(hub)
    /// var application = Application(router: router, server: .http1(agentEvents: hub))
    /// application.addServices(hub)
    /// ```
    ///
    /// These are `messages`; of `threads/{thread}` the events, `state`, `subscribers`, `refusals`, `messages`, `commands`, `members`, `links`
    /// and `deletion`, and its own `DELETE`; and `stream`, which tells a client that asks for it without an upgrade what to do. Their errors have JSON bodies; other routes of the application are not
    /// touched.
    @discardableResult
    public func addAgentEvents(_ hub: AgentEventsHub) -> Self {
        let routes = group()
        let interface = HTTPInterface<Context>(hub: hub)
        interface.addMiddleware(to: routes)
        interface.addRoutes(to: routes)
        return self
    }
    /// Adds the JavaScript client below this router or group, for the pages of the application: `client/agent-events.js` and what
    /// belongs to it.
    @discardableResult
    public func addAgentEventsClient(_ hub: AgentEventsHub) -> Self {
        let routes = group()
        let interface = HTTPInterface<Context>(hub: hub)
        interface.addMiddleware(to: routes)
        interface.addFiles(in: ["client"], withPage: false, to: routes)
        return self
    }
}
