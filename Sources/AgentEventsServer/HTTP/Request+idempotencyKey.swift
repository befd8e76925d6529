import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import HummingbirdCore

extension Request {
    /// The value of `Idempotency-Key`, as it is or as a quoted string; `nil` for none.
    func idempotencyKey() throws(ProtocolError) -> IdempotencyKey? {
        guard var text = headers[.idempotencyKey] else { return nil }
        if text.count >= 2, text.hasPrefix("\""), text.hasSuffix("\"") { text = String(text.dropFirst().dropLast()) }
        do throws(IdentifierError) {
            return try IdempotencyKey(text)
        } catch {
            throw ProtocolError(error, path: nil)
        }
    }
}

extension HTTPField.Name {
    static var idempotencyKey: HTTPField.Name {
        guard let name = HTTPField.Name("Idempotency-Key") else { preconditionFailure("a token is a field name") }
        return name
    }
}
