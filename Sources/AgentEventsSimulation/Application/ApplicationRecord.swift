import AgentEventsClient
import AgentEventsProtocol
import Synchronization

/// The common part of an application's programs: the state of the application, and the outcome of its attempts.
final class ApplicationRecord: Sendable {
    private struct State {
        var isTokenExpired = false
        var isSettling = false
    }

    let witness: LogWitness
    private let number: Int
    private let state = Mutex(State())

    init(number: Int, witness: LogWitness) {
        self.number = number
        self.witness = witness
    }

    var isSettling: Bool { state.withLock { $0.isSettling } }

    var isTokenExpired: Bool {
        get { state.withLock { $0.isTokenExpired } }
        set { state.withLock { $0.isTokenExpired = newValue } }
    }

    /// Nothing new is begun any longer.
    func settle() {
        state.withLock { state in
            state.isSettling = true
            state.isTokenExpired = false
        }
    }

    func fail(_ rule: InvariantViolation.Rule, _ message: String) {
        witness.fail(InvariantViolation(rule, "application \(number): \(message)"))
    }

    /// Something of a life has ended with an error: one that may be in a world with faults.
    func didEnd(with error: any Error, _ life: ApplicationLife) {
        guard life.isCurrent else { return }
        if let error = error as? AgentEventsClientError {
            if error.status == 401 || error.closeCode == Int(StreamCloseCode.notAuthenticated.rawValue) {
                witness.count(.tokenDeclined)
                isTokenExpired = false
            } else if !error.isRetryable {
                fail(.protocolKept, "\(error)")
            }
        } else if !(error is CancellationError), !(error is ApplicationLeft) {
            fail(.protocolKept, "\(error)")
        }
    }
}

/// An application has left what it was at, as it may.
struct ApplicationLeft: Error {}
