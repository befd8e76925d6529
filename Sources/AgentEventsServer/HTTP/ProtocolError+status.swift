import AgentEvents
import AgentEventsHub
package import AgentEventsProtocol
package import HTTPTypes

extension ProtocolError {
    /// The HTTP status that says the same.
    package var status: HTTPResponse.Status {
        switch code.value {
        case .named(let name): name.status
        case .order: .conflict
        case .wire(.tooLarge): .contentTooLarge
        case .log: .serviceUnavailable
        case .wire, .sink, .unrecognized: .badRequest
        }
    }
}

extension ProtocolError.Code.Name {
    fileprivate var status: HTTPResponse.Status {
        switch self {
        case .messageInvalid, .requestInvalid, .operationUnknown, .operationUnsupported, .cursorInvalid, .emptyBatch,
            .bodyEncodingInvalid, .subprotocolUnknown, .keyInvalid, .subscriptionExists,
            .subscriptionUnknown, .acknowledgementNotSent, .acknowledgementNotStored, .consumerUnsupported,
            .runDeadline, .toolTimedOut, .retentionUnsupported, .commandInvalid, .commandKeyMissing,
            .memberUnsupported:
            .badRequest
        case .authenticationMissing, .authenticationInvalid, .authenticationExpired: .unauthorized
        case .policyNotAllowed, .threadForbidden, .scopeMissing, .approvalForbidden, .originForbidden, .hostForbidden,
            .memberForbidden:
            .forbidden
        case .threadUnknown, .agentUnknown, .pathUnknown, .commandUnknown, .runUnknown, .approvalUnknown,
            .memberUnknown:
            .notFound
        case .approvalDataInvalid: .unprocessableContent
        case .methodNotAllowed: .methodNotAllowed
        case .notAcceptable: .notAcceptable
        case .cursorDiverged, .cursorTrimmed, .cursorUnknown, .keyConflict, .threadBusy, .commandUnsupported,
            .runNotStarted, .runNotOpen, .runPaused, .approvalResolved, .approvalExpired, .tooManyMembers,
            .tooManyLinks:
            .conflict
        case .bodyTooLarge, .batchTooLarge, .messageTooLarge: .contentTooLarge
        case .mediaTypeUnknown, .contentEncodingUnknown: .unsupportedMediaType
        case .expectationUnknown: .expectationFailed
        case .upgradeRequired, .versionUnknown: .upgradeRequired
        case .tooManySubscriptions, .threadQueueFull, .userQueueFull, .tooManyCommands: .tooManyRequests
        case .headersTooLarge: .requestHeaderFieldsTooLarge
        case .internalFailure: .internalServerError
        case .agentsBusy, .stopping, .notRunning, .authorizationUnavailable: .serviceUnavailable
        }
    }
}
