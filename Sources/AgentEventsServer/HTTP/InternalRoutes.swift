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
        let origins = OriginPolicy(allowedOrigins: [], needsCredentials: false)
        _ = router.add(middleware: RequestMetrics<Context>(hub: hub))
        _ = router.add(middleware: ErrorBodies<Context>())
        _ = router.add(middleware: OriginCheck<Context>(origins: origins))
        _ = router.add(middleware: ExpectationCheck<Context>())
        interface.addHealthRoutes(to: router, withDetails: true)
        if let metrics {
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
        let admin = router.group(Self.adminPath)
            .add(
                middleware: AdminCheck<Context>(
                    access: RequestAccess(authenticator: hub.authenticator, usage: hub.usage),
                    audit: hub.configuration.audit))
        addAdminRoutes(to: admin, interface)
        AdminRoutes<Context>(hub: hub).add(to: admin, interface)
        BackupRoute<Context>(hub: hub, folder: backupFolder).add(to: admin, interface)
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
                    who: "\(principal.user)", from: "internal listener",
                    what: mayDoIt ? "admin.request" : "admin.refused",
                    details: ["method": .string(request.method.rawValue), "path": .string(request.uri.path)]))
        }
        guard mayDoIt else { throw ProtocolError(.scopeMissing, "this takes credentials with the scope admin") }
        return try await next(request, context)
    }
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
