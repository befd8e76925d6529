import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore

/// The routes for operators, on a listener of their own: how the service is doing, in detail, its metrics, and what only
/// credentials with the scope `admin` may do.
struct InternalRoutes<Context: RequestContext>: Sendable {
    let hub: AgentEventsHub
    /// `nil` when there is none.
    let metrics: MetricsPage?
    /// The folder of backups; `nil` when there is none.
    var backupFolder: String?
    /// Where the routes of operators are.
    static var adminPath: RouterPath { "v1/admin" }

    func add(to router: some RouterMethods<Context>) {
        let interface = HTTPInterface<Context>(hub: hub)
        // Who reaches a loopback address is on this machine; but a web page could have its name point here.
        addMiddleware(to: router, OriginPolicy(allowedOrigins: [], needsCredentials: false))
        interface.addHealthRoutes(to: router, withDetails: true)
        addMetrics(to: router, interface)
        let admin = router.group(Self.adminPath)
            .add(
                middleware: AdminCheck<Context>(
                    access: RequestAccess(authenticator: hub.authenticator, usage: hub.usage),
                    audit: hub.configuration.audit))
        addAdminRoutes(to: admin, interface)
        addDeletionRoutes(to: router, interface)
        AdminRoutes<Context>(hub: hub).add(to: admin, interface)
        BackupRoute<Context>(hub: hub, folder: backupFolder).add(to: admin, interface)
    }

    /// Nothing but the metrics, under each name by which this machine is reached: it has no ids and no contents. Pages of other
    /// origins may not read it; one whose own name points here can, as everybody who reaches the listener.
    func addMetricsAlone(to router: some RouterMethods<Context>) {
        addMiddleware(to: router, OriginPolicy(allowedOrigins: [], needsCredentials: true))
        addMetrics(to: router, HTTPInterface<Context>(hub: hub))
    }

    private func addMiddleware(to router: some RouterMethods<Context>, _ origins: OriginPolicy) {
        _ = router.add(middleware: RequestMetrics<Context>(hub: hub))
        _ = router.add(middleware: ErrorBodies<Context>())
        _ = router.add(middleware: OriginCheck<Context>(origins: origins))
        _ = router.add(middleware: ExpectationCheck<Context>())
    }

    private func addMetrics(to router: some RouterMethods<Context>, _ interface: HTTPInterface<Context>) {
        guard let metrics else { return }
        interface.add(
            "metrics",
            [
                HTTPInterface.Route(.get) { [hub] _, _ in
                    hub.updateMetrics()
                    // Here, on a thread of the tasks, and not on an event loop.
                    return Response(
                        status: .ok, headers: [.contentType: metrics.contentType],
                        body: ResponseBody(byteBuffer: ByteBuffer(string: metrics.text())))
                }
            ], to: router)
    }

    /// Like the route of users, but for whatever thread, and with the scope `admin`.
    private func addDeletionRoutes(to router: some RouterMethods<Context>, _ interface: HTTPInterface<Context>) {
        let access = RequestAccess(authenticator: hub.authenticator, usage: hub.usage)
        let deletion = DeletionRoute(hub: hub, access: access)
        let checked = router.group("v1")
            .add(middleware: AdminCheck<Context>(access: access, audit: hub.configuration.audit))
        interface.add(
            "threads/:thread",
            [
                HTTPInterface.Route(.delete, parameters: ["wait"]) { request, context in
                    try await deletion.deleteAsOperator(request, context)
                }
            ], to: checked)
        interface.add(
            "threads/:thread/deletion",
            [HTTPInterface.Route(.get) { try await deletion.findAsOperator($0, $1) }], to: checked)
        interface.add(
            "users/:user",
            [
                HTTPInterface.Route(.delete, parameters: ["wait"]) { request, context in
                    try await deletion.deleteUser(request, context)
                }
            ], to: checked)
    }

    private func addAdminRoutes(to router: some RouterMethods<Context>, _ interface: HTTPInterface<Context>) {
        interface.add(
            "status",
            [
                HTTPInterface.Route(.get) { [hub] _, _ in
                    Response(
                        status: .ok,
                        json: [
                            "status": .string(hub.readiness.phase.rawValue),
                            "streams": .integer(Int64(hub.streamCount)),
                            "working_agents": .integer(Int64(hub.workingAgentCount)),
                        ])
                }
            ], to: router)
    }
}

/// Refuses credentials without the scope `admin`, and has what is done with it kept.
struct AdminCheck<Context: RequestContext>: RouterMiddleware {
    let access: RequestAccess
    let audit: (any AuditTrail)?

    func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        let principal = try await access.principal(of: request)
        let mayDoIt = principal.scopes.contains(.admin)
        if !mayDoIt || request.method != .get {
            audit?.record(
                AuditEntry(
                    who: "\(principal.user)", from: AdminOperator.place,
                    what: mayDoIt ? "admin.request" : "admin.refused",
                    details: ["method": .string(request.method.rawValue), "path": .string(request.uri.path)]))
        }
        guard mayDoIt else { throw ProtocolError(.scopeMissing, "this takes credentials with the scope admin") }
        return try await AdminOperator.$current.withValue(principal) { try await next(request, context) }
    }
}

/// The operator whose request is being answered: known before it is carried out, since it may revoke its own credentials.
enum AdminOperator {
    @TaskLocal static var current: Principal?
    /// The user in the audit trail: the one that was let in, also when the credentials have ended meanwhile.
    static var name: String { current.map { "\($0.user)" } ?? "unknown" }
    /// Where it comes from, in the audit trail: a listener that only this machine reaches.
    static let place = "internal listener"
}

/// The text of `GET /metrics`.
public struct MetricsPage: Sendable {
    /// Its media type.
    public var contentType: String
    /// Writes it. Called from any task, several at a time.
    public var text: @Sendable () -> String

    public init(contentType: String, text: @escaping @Sendable () -> String) {
        self.contentType = contentType
        self.text = text
    }
}
