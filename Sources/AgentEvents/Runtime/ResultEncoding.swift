/// The result of a scope as it stands in the log: its JSON when its type is `Encodable`, and nothing otherwise.
///
/// One generic scope serves bodies with a result and those without one (`Void` cannot be made `Encodable`, so the type
/// system would ask for two of each scope). The logged result depends on the body alone, not on what its caller does with
/// it.
enum ResultEncoding {
    /// - Returns: `nil` for a value that is not logged: nothing, or of a type that is not `Encodable`.
    static func json<Result>(_ result: Result) throws -> JSONValue? {
        guard Result.self is any Encodable.Type else { return nil }
        guard let value = result as? any Encodable else { return .null }
        return try JSONValue(converting: value)
    }
}
