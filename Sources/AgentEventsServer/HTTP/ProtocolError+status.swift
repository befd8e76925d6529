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
        case .log(let code): code == .exists ? .conflict : .serviceUnavailable
        case .wire, .sink, .unrecognized: .badRequest
        }
    }

    /// The whole seconds after which the request may succeed, at least one; `nil` when nothing is known of that.
    var retryAfterSeconds: Int64? { retryAfterMilliseconds.map { max(1, ($0 + 999) / 1000) } }
    /// The value of `WWW-Authenticate` (RFC 6750, section 3): without an error where there was no token.
    var challenge: String { code == .authenticationMissing ? "Bearer" : "Bearer error=\"invalid_token\"" }
}

extension ProtocolError.Code.Name {
    fileprivate var status: HTTPResponse.Status {
        switch self {
        case .messageInvalid, .requestInvalid, .operationUnknown, .operationUnsupported, .cursorInvalid, .emptyBatch,
            .bodyEncodingInvalid, .subprotocolUnknown, .keyInvalid, .subscriptionExists,
            .subscriptionUnknown, .acknowledgementNotSent, .acknowledgementNotStored, .consumerUnsupported,
            .authenticationInURL, .runDeadline, .toolTimedOut, .retentionUnsupported, .commandInvalid,
            .commandKeyMissing, .memberUnsupported, .deletionUnsupported, .threadsUnlisted, .scheduleInvalid,
            .scheduleUnsupported, .hookBodyInvalid:
            .badRequest
        case .authenticationMissing, .authenticationInvalid, .authenticationExpired, .authenticationRevoked,
            .subjectChanged, .hookSignatureInvalid:
            .unauthorized
        case .policyNotAllowed, .threadForbidden, .scopeMissing, .approvalForbidden, .originForbidden, .hostForbidden,
            .memberForbidden, .stateForbidden:
            .forbidden
        case .threadUnknown, .agentUnknown, .pathUnknown, .commandUnknown, .runUnknown, .approvalUnknown,
            .memberUnknown, .deletionUnknown, .leaseUnknown, .stateUnknownSpace, .scheduleUnknown, .hookUnknown:
            .notFound
        case .threadDeleted: .gone
        case .approvalDataInvalid: .unprocessableContent
        case .methodNotAllowed: .methodNotAllowed
        case .notAcceptable: .notAcceptable
        case .cursorDiverged, .cursorTrimmed, .cursorUnknown, .keyConflict, .threadBusy, .commandUnsupported,
            .runNotStarted, .runNotOpen, .runPaused, .approvalResolved, .approvalExpired, .tooManyMembers,
            .tooManyLinks, .tooManySchedules, .stateTooFar, .stateConflict, .workerAgentTaken, .leaseLost:
            .conflict
        case .bodyTooLarge, .batchTooLarge, .messageTooLarge, .stateValueTooLarge: .contentTooLarge
        case .mediaTypeUnknown, .contentEncodingUnknown: .unsupportedMediaType
        case .expectationUnknown: .expectationFailed
        case .upgradeRequired, .versionUnknown: .upgradeRequired
        case .tooManySubscriptions, .threadQueueFull, .userQueueFull, .tooManyCommands, .rateLimited, .tooManyConnects,
            .tooManyConnections, .tooManyUserConnections, .tooManyAuthenticationFailures, .tooManyThreads,
            .tooManyMessages, .stateTooManyKeys:
            .tooManyRequests
        case .storageLimit, .storageFull: .insufficientStorage
        case .headersTooLarge: .requestHeaderFieldsTooLarge
        case .requestTimedOut: .requestTimeout
        case .internalFailure: .internalServerError
        case .agentsBusy, .stopping, .notRunning, .authorizationUnavailable, .threadsBehind: .serviceUnavailable
        }
    }
}

extension HTTPResponse.Status {
    /// 507 (RFC 4918): there is no room for what the request would store.
    static var insufficientStorage: Self { .init(code: 507, reasonPhrase: "Insufficient Storage") }
}
