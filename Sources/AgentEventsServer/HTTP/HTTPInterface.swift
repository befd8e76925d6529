import AgentEvents
package import AgentEventsHub
import AgentEventsProtocol
package import HTTPTypes
package import Hummingbird
package import HummingbirdCore

/// The HTTP routes of a hub, for any router. Every answer, also to a wrong request, is JSON.
package struct HTTPInterface<Context: RequestContext>: Sendable {
    package let hub: AgentEventsHub

    /// Adds what all routes need.
    func addMiddleware(to router: some RouterMethods<Context>) {
        let origins = hub.origins
        _ = router.add(middleware: RequestMetrics<Context>(hub: hub))
        _ = router.add(middleware: SecurityHeaders<Context>())
        _ = router.add(middleware: DrainNotice<Context>(hub: hub))
        _ = router.add(middleware: CrossOriginAnswers<Context>(origins: origins))
        _ = router.add(middleware: ErrorBodies<Context>())
        _ = router.add(middleware: OriginCheck<Context>(origins: origins))
        _ = router.add(middleware: ExpectationCheck<Context>())
    }

    /// Adds the routes of threads and the path of the WebSocket.
    func addRoutes(to router: some RouterMethods<Context>) {
        let access = RequestAccess(authenticator: hub.authenticator, usage: hub.usage)
        let page = EventPageRoute(hub: hub, access: access)
        let events = IngestRoute(
            ingest: hub.ingest, access: access, maximumBodyByteCount: hub.configuration.maximumBodyByteCount,
            maximumBatchEvents: hub.configuration.maximumBatchEvents)
        let messages = MessageRoute(
            intake: hub.intake, access: access, maximumBodyByteCount: hub.configuration.maximumMessageByteCount)
        let said = MessagePageRoute(hub: hub, access: access)
        let commands = CommandRoute(
            intake: hub.commands, access: access, maximumBodyByteCount: hub.configuration.maximumMessageByteCount)
        let threads = ThreadListRoute(hub: hub, access: access)
        let state = StateRoute(hub: hub, access: access)
        let subscribers = SubscribersRoute(hub: hub, access: access)
        let refusals = RefusalsRoute(hub: hub, access: access)
        let members = MembersRoute(hub: hub, access: access)
        let deletion = DeletionRoute(hub: hub, access: access)
        let values = ContextRoute(
            hub: hub, access: access, maximumBodyByteCount: hub.configuration.maximumMessageByteCount)
        let schedules = SchedulesRoute(hub: hub, access: access)
        let stream = StreamRoute(origins: hub.origins, access: access, readiness: hub.readiness)
        add(
            "threads",
            [Route(.get, parameters: ThreadListRoute.parameters) { try await threads.respond(to: $0, $1) }], to: router)
        add(
            "threads/:thread/events",
            [
                Route(.get, parameters: ["after", "before", "around", "limit"]) { try await page.respond(to: $0, $1) },
                Route(.post, parameters: ["user_id"]) { try await events.respond(to: $0, $1) },
            ], to: router)
        add(
            "threads/:thread", [Route(.delete, parameters: ["wait"]) { try await deletion.delete($0, $1) }], to: router)
        add("threads/:thread/deletion", [Route(.get) { try await deletion.find($0, $1) }], to: router)
        add(
            "threads/:thread/state", [Route(.get, parameters: ["at"]) { try await state.respond(to: $0, $1) }],
            to: router)
        add("threads/:thread/subscribers", [Route(.get) { try await subscribers.respond(to: $0, $1) }], to: router)
        add("threads/:thread/refusals", [Route(.get) { try await refusals.respond(to: $0, $1) }], to: router)
        add(
            "threads/:thread/messages",
            [
                Route(.get, parameters: MessagePageRoute.parameters) { try await said.respond(to: $0, $1) },
                Route(.post) { try await messages.respond(to: $0, $1) },
            ], to: router)
        add("messages", [Route(.post) { request, _ in try await messages.open(request) }], to: router)
        add("threads/:thread/context", [Route(.get) { try await values.list($0, $1) }], to: router)
        add(
            "threads/:thread/context/:key",
            [
                Route(.get) { try await values.find($0, $1) }, Route(.put) { try await values.put($0, $1) },
                Route(.delete, parameters: ["if_version"]) { try await values.remove($0, $1) },
            ], to: router)
        add("threads/:thread/commands", [Route(.post) { try await commands.respond(to: $0, $1) }], to: router)
        add("threads/:thread/members", [Route(.get) { try await members.list($0, $1) }], to: router)
        add(
            "threads/:thread/members/:subject",
            [
                Route(.get) { try await members.find($0, $1) }, Route(.put) { try await members.put($0, $1) },
                Route(.delete) { try await members.remove($0, $1) },
            ], to: router)
        add("threads/:thread/links", [Route(.post) { try await members.makeLink($0, $1) }], to: router)
        add("schedules", [Route(.get) { request, _ in try await schedules.list(request) }], to: router)
        add(
            "schedules/:schedule",
            [
                Route(.get) { try await schedules.find($0, $1) }, Route(.put) { try await schedules.put($0, $1) },
                Route(.delete) { try await schedules.remove($0, $1) },
            ], to: router)
        add("stream", [Route(.get) { try await stream.respond(to: $0, $1) }], to: router)
    }

    /// Adds the routes that tell how the service is doing.
    ///
    /// - Parameter withDetails: whether they tell more than a load balancer needs.
    func addHealthRoutes(to router: some RouterMethods<Context>, withDetails: Bool = false) {
        let health = HealthRoutes(readiness: hub.readiness) { [runtime = hub.runtime] in
            withDetails ? runtime.sinkStates : []
        }
        add("health", [Route(.get) { _, _ in health.health() }], to: router)
        add("ready", [Route(.get) { _, _ in health.ready() }], to: router)
    }

    /// Adds the files for browsers: the page at the path `/`, and what stands in the folders.
    func addFiles(
        in folders: [String] = PageRoute.folders, withPage: Bool = true, to router: some RouterMethods<Context>
    ) {
        let page = PageRoute(files: .all)
        if withPage { add("", [Route(.get) { request, _ in try page.respond(to: request, at: "") }], to: router) }
        for folder in folders {
            let route = Route(.get) { request, context in
                let path = [folder] + context.parameters.getCatchAll().map(String.init)
                return try page.respond(to: request, at: path.joined(separator: "/"))
            }
            add(RouterPath("\(folder)/**"), [route], to: router)
        }
    }

    /// One method of a path.
    package struct Route: Sendable {
        let method: HTTPRequest.Method
        /// The parameters that its query may have.
        let parameters: [String]
        let respond: @Sendable (Request, Context) async throws -> Response

        package init(
            _ method: HTTPRequest.Method,
            parameters: [String] = [],
            _ respond: @escaping @Sendable (Request, Context) async throws -> Response
        ) {
            self.method = method
            self.parameters = parameters
            self.respond = respond
        }
    }

    /// Adds a path. `OPTIONS` is answered with the methods that it has, and those that it does not have with 405 and them.
    package func add(_ path: RouterPath, _ routes: [Route], to router: some RouterMethods<Context>) {
        var allowed = routes.map(\.method)
        for route in routes {
            router.on(path, method: route.method) { request, context -> Response in
                try request.checkParameters(route.parameters)
                return try await route.respond(request, context)
            }
            guard route.method == .get else { continue }
            // Not every router makes this of `GET` by itself.
            allowed.append(.head)
            router.on(path, method: .head) { request, context -> Response in
                try request.checkParameters(route.parameters)
                return try await route.respond(request, context).createHeadResponse()
            }
        }
        allowed.append(.options)
        let list = allowed.map(\.rawValue).joined(separator: ", ")
        router.on(path, method: .options) { _, _ -> Response in
            Response(status: .noContent, headers: [.allow: list])
        }
        for method in HTTPInterfaceMethods.all where !allowed.contains(method) {
            router.on(path, method: method) { _, _ -> Response in
                var response = Response(
                    ProtocolError(.methodNotAllowed, "this path has no \(method.rawValue), it has: \(list)"))
                response.headers[.allow] = list
                return response
            }
        }
    }
}

/// The methods of HTTP (RFC 9110, section 9, and RFC 5789).
enum HTTPInterfaceMethods {
    static let all: [HTTPRequest.Method] = [.get, .head, .post, .put, .delete, .patch, .options, .trace, .connect]
}
