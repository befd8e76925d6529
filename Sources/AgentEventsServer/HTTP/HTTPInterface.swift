import AgentEvents
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
        router.add(middleware: ErrorBodies())
        router.add(middleware: OriginCheck(origins: origins))
        let health = HealthRoutes(readiness: readiness) { [runtime] in runtime.sinkStates }
        let page = EventPageRoute(log: runtime.log, access: access)
        let events = IngestRoute(
            ingest: ingest, access: access, maximumBodyByteCount: maximumBodyByteCount,
            maximumBatchEvents: maximumBatchEvents)
        let messages = MessageRoute(intake: intake, access: access, maximumBodyByteCount: maximumMessageByteCount)
        let state = StateRoute(log: runtime.log, stream: self.stream, access: access)
        let subscribers = SubscribersRoute(log: runtime.log, stream: self.stream, access: access)
        let stream = StreamRoute(origins: origins, access: access, readiness: readiness)
        add("/health", [.get: { _, _ in health.health() }], to: router)
        add("/ready", [.get: { _, _ in health.ready() }], to: router)
        add("/v1/threads/:thread/events", [.get: page.respond, .post: events.respond], to: router)
        add("/v1/threads/:thread/state", [.get: state.respond], to: router)
        add("/v1/threads/:thread/subscribers", [.get: subscribers.respond], to: router)
        add("/v1/threads/:thread/messages", [.post: messages.respond], to: router)
        add(RouterPath(UpgradeDecision.path), [.get: stream.respond], to: router)
        return router
    }

    private typealias Respond = @Sendable (Request, BasicRequestContext) async throws -> Response

    /// Adds a path. Methods that it does not have are answered with 405 and those that it has.
    private func add(
        _ path: RouterPath,
        _ responses: KeyValuePairs<HTTPRequest.Method, Respond>,
        to router: Router<BasicRequestContext>
    ) {
        var allowed = responses.map(\.key)
        for (method, respond) in responses { router.on(path, method: method, use: respond) }
        if allowed.contains(.get) { allowed.append(.head) }
        let list = allowed.map(\.rawValue).joined(separator: ", ")
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
