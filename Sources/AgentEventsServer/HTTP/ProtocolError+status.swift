import AgentEvents
package import AgentEventsHub
package import HTTPTypes

extension ProtocolError {
    /// The HTTP status that says the same.
    package var status: HTTPResponse.Status {
        switch code {
        case .threadUnknown, .agentUnknown, .pathUnknown: .notFound
        case .threadForbidden, .scopeMissing, .originForbidden, .hostForbidden: .forbidden
        case .cursorDiverged, .cursorTrimmed, .cursorUnknown, .keyConflict: .conflict
        case .bodyTooLarge, .batchTooLarge, .messageTooLarge, .wire(.tooLarge): .contentTooLarge
        case .methodNotAllowed: .methodNotAllowed
        case .mediaTypeUnknown, .contentEncodingUnknown: .unsupportedMediaType
        case .expectationUnknown: .expectationFailed
        case .headersTooLarge: .requestHeaderFieldsTooLarge
        case .notAcceptable: .notAcceptable
        case .upgradeRequired, .versionUnknown: .upgradeRequired
        case .tooManySubscriptions: .tooManyRequests
        case .agentsBusy, .stopping: .serviceUnavailable
        case .internalFailure: .internalServerError
        default: statusOfFamily
        }
    }

    /// Codes of other parts are known by what stands before the dot.
    private var statusOfFamily: HTTPResponse.Status {
        switch code.rawValue.prefix(while: { $0 != "." }) {
        case "order": .conflict
        case "auth": .unauthorized
        case "log", "runtime": .serviceUnavailable
        default: .badRequest
        }
    }
}
