import AgentEvents
import AgentEventsHub
import AgentEventsProtocol

/// The key of a stop that a client gives none: to stop twice does nothing twice.
enum StopKey {
    static func next(of hub: AgentEventsHub) throws(ProtocolError) -> IdempotencyKey {
        do throws(IdentifierError) {
            return try IdempotencyKey(hub.runtime.configuration.identifiers.text(prefix: "stop").string)
        } catch {
            throw ProtocolError(error, path: nil)
        }
    }
}

extension ProtocolError {
    /// Whether a stop found nothing to end.
    var isNothingToStop: Bool { code == .threadUnknown || code == .runNotOpen || code == .runUnknown }
}
