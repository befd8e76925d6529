import AgentEvents
import AgentEventsHub
import Hummingbird
import HummingbirdCore

/// `GET /health`: the process lives. `GET /ready`: it takes requests, and, for operators, how its sinks are doing. A sink that is in
/// trouble does not make the service unready: what is committed waits for the sink in the log.
struct HealthRoutes: Sendable {
    let readiness: Readiness
    /// Those that are told of.
    let sinkStates: @Sendable () -> [SinkState]

    func health() -> Response { Response(status: .ok, json: ["status": "healthy"]) }

    func ready() -> Response {
        let phase = readiness.phase
        var body: JSONObject = ["status": .string(phase.rawValue)]
        let sinks = sinkStates()
        if !sinks.isEmpty { body["sinks"] = .array(sinks.map(Self.details)) }
        return Response(status: phase == .ready ? .ok : .serviceUnavailable, json: .object(body))
    }

    private static func details(_ state: SinkState) -> JSONValue {
        var details: JSONObject = ["name": .string(state.name)]
        switch state.condition {
        case .working:
            details["state"] = "working"
        case .retrying(let failures, let error):
            details["state"] = "retrying"
            details["failures"] = .integer(Int64(failures))
            describe(error, in: &details)
        case .failed(let error):
            details["state"] = "failed"
            describe(error, in: &details)
        case .stopped(let error):
            details["state"] = "stopped"
            describe(error, in: &details)
        }
        if let since = state.refusedSince { details["since"] = .string(since.rfc3339) }
        if let next = state.nextTry { details["next_try"] = .string(next.rfc3339) }
        details["set_aside"] = .integer(state.setAsideCount)
        details["pending_commits"] = .integer(state.pendingCommitCount)
        return .object(details)
    }

    private static func describe(_ error: any Error, in details: inout JSONObject) {
        let report = SinkErrorReport(error)
        details["code"] = .string(report.code)
        if let status = report.status { details["http_status"] = .integer(Int64(status)) }
    }
}
