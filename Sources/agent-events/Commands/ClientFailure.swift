internal import AgentEventsClient
internal import AgentEventsProtocol
internal import ArgumentParser

/// Turns the errors of a command that talks to a service into what the program says and returns.
enum ClientFailure {
    /// The answer to a command without a token, in words of the command line.
    static let missingToken =
        "\(ProtocolError.Code.authenticationMissing.rawValue): the service asks for a token: give --token-file or --token"

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
        let text = text(for: error) + addition
        return switch error.code {
        case .badURL: ProgramExit.usage(text)
        case .unreachable, .closed, .silent, .declined, .untrusted: ProgramExit.unavailable(text)
        // It would succeed later, but was asked not to wait.
        case _ where error.refusal?.code == .threadBusy: ProgramExit.wrong(text)
        default: error.isRetryable ? ProgramExit.unavailable(text) : ProgramExit.wrong(text)
        }
    }

    /// The error in words of the command line.
    static func text(for error: AgentEventsClientError) -> String {
        switch error.code {
        case .badURL, .unreachable, .closed, .silent, .declined, .untrusted: error.message
        // Also with the close of a connection, which is no refusal.
        case _ where error.code.rawValue == ProtocolError.Code.authenticationMissing.rawValue:
            missingToken
        default: "\(error)"
        }
    }
}
