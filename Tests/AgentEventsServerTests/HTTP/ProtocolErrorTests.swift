import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import AgentEventsServer
import HTTPTypes
import Testing

struct ProtocolErrorTests {
    @Test func anErrorOfTheEncoderPointsIntoTheEvent() {
        let cause = WireError(.invalidValue, path: "$.data.fraction", "a fraction is a number from 0 to 1")
        var error = AgentEventsError(.emptyBatch, "refused", index: 3, cause: cause)
        #expect(ProtocolError(error, threadID: "t").path == "$.events[3].data.fraction")
        #expect(ProtocolError(error, threadID: "t", root: .document).path == "$.data.fraction")
        error.index = nil
        #expect(ProtocolError(error, threadID: "t").path == nil)
        #expect(ProtocolError(error, threadID: "t").threadID == "t")
    }

    @Test func errorsOfTheLogMayBeTriedAgain() {
        let error = ProtocolError(EventLogError(.full, "no room"), threadID: nil)
        #expect(error.code.rawValue == "log.full")
        #expect(error.isRetryable)
        #expect(error.status == .serviceUnavailable)
    }

    @Test(arguments: [
        (ProtocolError.Code.order(.callNotOpen), 409), (.cursorDiverged, 409), (.cursorTrimmed, 409),
        (.cursorUnknown, 409), (.cursorInvalid, 400),
        (.messageInvalid, 400), (.requestInvalid, 400), (.emptyBatch, 400), (.wire(.syntax), 400),
        (.wire(.unknownType), 400), (.wire(.tooLarge), 413), (.bodyTooLarge, 413), (.batchTooLarge, 413),
        (.threadForbidden, 403), (.scopeMissing, 403), (.originForbidden, 403), (.hostForbidden, 403),
        (.threadUnknown, 404), (.agentUnknown, 404), (.pathUnknown, 404), (.methodNotAllowed, 405),
        (.notAcceptable, 406), (.mediaTypeUnknown, 415), (.upgradeRequired, 426), (.versionUnknown, 426),
        (.subprotocolUnknown, 400), (.agentsBusy, 503), (.stopping, 503), (.internalFailure, 500),
    ])
    func eachCodeHasItsStatus(_ code: ProtocolError.Code, _ status: Int) {
        #expect(ProtocolError(code, "").status.code == status)
    }

    @Test func failedAuthenticationIsUnauthorized() {
        for code in [AuthenticationError.Code.missing, .invalid, .expired] {
            let error = ProtocolError(AuthenticationError(code, ""))
            #expect(error.status == .unauthorized)
            #expect(error.code.rawValue == code.description)
        }
    }
}
