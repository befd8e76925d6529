import AgentEvents
import AgentEventsProtocol
import HTTPTypes
import Hummingbird
import HummingbirdCore

/// The service's HTTP routes. Every answer, also to a wrong request, is JSON.
struct HTTPInterface: Sendable {
    let runtime: AgentRuntime
    let stream: StreamEndpoint
    let access: RequestAccess
    let origins: OriginPolicy
    let ingest: EventIngest
    let intake: MessageIntake
    let readiness: Readiness
    let maximumBodyByteCount: Int
    let maximumMessageByteCount: Int
    let maximumBatchEvents: Int

    /// Builds the router.
    func router() -> Router<BasicRequestContext> {
        let router = Router(options: .autoGenerateHeadEndpoints)
        router.add(middleware: DrainNotice(readiness: readiness))
        router.add(middleware: CrossOriginAnswers(origins: origins))
        router.add(middleware: ErrorBodies())
        router.add(middleware: OriginCheck(origins: origins))
        router.add(middleware: ExpectationCheck())
        let health = HealthRoutes(readiness: readiness) { [runtime] in runtime.sinkStates }
        let page = EventPageRoute(runtime: runtime, access: access)
        let events = IngestRoute(
            ingest: ingest, access: access, maximumBodyByteCount: maximumBodyByteCount,
            maximumBatchEvents: maximumBatchEvents)
        let messages = MessageRoute(intake: intake, access: access, maximumBodyByteCount: maximumMessageByteCount)
        let state = StateRoute(log: runtime.log, stream: self.stream, access: access)
        let subscribers = SubscribersRoute(log: runtime.log, stream: self.stream, access: access)
        let stream = StreamRoute(origins: origins, access: access, readiness: readiness)
        add("/health", [Route(.get) { _, _ in health.health() }], to: router)
        add("/ready", [Route(.get) { _, _ in health.ready() }], to: router)
        add(
            "/v1/threads/:thread/events",
            [
                Route(.get, parameters: ["after", "limit"], page.respond),
                Route(.post, parameters: ["user_id"], events.respond),
            ], to: router)
        add("/v1/threads/:thread/state", [Route(.get, state.respond)], to: router)
        add("/v1/threads/:thread/subscribers", [Route(.get, subscribers.respond)], to: router)
        add("/v1/threads/:thread/messages", [Route(.post, messages.respond)], to: router)
        add(RouterPath(StreamProtocol.path), [Route(.get, stream.respond)], to: router)
        return router
    }

    /// One method of a path.
    private struct Route: Sendable {
        let method: HTTPRequest.Method
        /// The parameters that its query may have.
        let parameters: [String]
        let respond: @Sendable (Request, BasicRequestContext) async throws -> Response

        init(
            _ method: HTTPRequest.Method,
            parameters: [String] = [],
            _ respond: @escaping @Sendable (Request, BasicRequestContext) async throws -> Response
        ) {
            self.method = method
            self.parameters = parameters
            self.respond = respond
        }
    }

    /// Adds a path. `OPTIONS` is answered with the methods that it has, and those that it does not have with 405 and them.
    private func add(_ path: RouterPath, _ routes: [Route], to router: Router<BasicRequestContext>) {
        var allowed = routes.map(\.method)
        for route in routes {
            router.on(path, method: route.method) { request, context -> Response in
                try request.checkParameters(route.parameters)
                return try await route.respond(request, context)
            }
        }
        if allowed.contains(.get) { allowed.append(.head) }
        allowed.append(.options)
        let list = allowed.map(\.rawValue).joined(separator: ", ")
        router.on(path, method: .options) { _, _ -> Response in
            Response(status: .noContent, headers: [.allow: list])
        }
        for method in Self.methods where !allowed.contains(method) {
            router.on(path, method: method) { _, _ -> Response in
                var response = Response(
                    ProtocolError(.methodNotAllowed, "this path has no \(method.rawValue), it has: \(list)"))
                response.headers[.allow] = list
                return response
            }
        }
    }

    private static let methods: [HTTPRequest.Method] = [
        .get, .head, .post, .put, .delete, .patch, .options, .trace, .connect,
    ]
}
