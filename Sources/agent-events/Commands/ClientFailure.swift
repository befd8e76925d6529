internal import AgentEventsClient
internal import AgentEventsProtocol
internal import ArgumentParser

/// Turns the errors of a command that talks to a service into what the program says and returns.
enum ClientFailure {
    /// Runs a command's work.
    static func reported(_ work: () async throws -> Void) async throws {
        do {
            try await work()
        } catch is OutputClosedError {
            return
        } catch let error as AgentEventsClientError {
            throw exit(for: error)
        } catch let error as InputError {
            throw ProgramExit.wrong(error.message)
        }
    }

    /// - Parameter addition: what else is said.
    static func exit(for error: AgentEventsClientError, adding addition: String = "") -> ExitCode {
        switch error.code {
        case .badURL: ProgramExit.usage(error.message + addition)
        case .unreachable, .closed, .silent, .declined, .untrusted: ProgramExit.unavailable(error.message + addition)
        // It would succeed later, but was asked not to wait.
        case _ where error.refusal?.code == .authenticationMissing:
            ProgramExit.unavailable(
                "the service asks for a token: give --token-file or --token (auth.missing)" + addition)
        case _ where error.refusal?.code == .threadBusy: ProgramExit.wrong("\(error)" + addition)
        default:
            error.isRetryable
                ? ProgramExit.unavailable("\(error)" + addition) : ProgramExit.wrong("\(error)" + addition)
        }
    }
}
