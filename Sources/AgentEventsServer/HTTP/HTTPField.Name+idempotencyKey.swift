import HTTPTypes

extension HTTPField.Name {
    static var idempotencyKey: HTTPField.Name {
        guard let name = HTTPField.Name("Idempotency-Key") else { preconditionFailure("a token is a field name") }
        return name
    }
}
