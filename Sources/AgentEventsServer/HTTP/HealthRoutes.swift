import AgentEvents
import Hummingbird
import HummingbirdCore

/// `GET /health`: the process lives. `GET /ready`: it takes requests.
struct HealthRoutes: Sendable {
    let readiness: Readiness

    func health() -> Response { Response(status: .ok, json: ["status": "healthy"]) }

    func ready() -> Response {
        let phase = readiness.phase
        return Response(
            status: phase == .ready ? .ok : .serviceUnavailable, json: ["status": .string(phase.rawValue)])
    }
}
