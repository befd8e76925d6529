internal import ArgumentParser

/// Reads an option that is one of a few words, of a type that knows nothing of command lines.
enum Choice {
    static func read<Value: RawRepresentable<String> & CaseIterable>(_ text: String) throws -> Value {
        guard let value = Value(rawValue: text) else {
            throw ValidationError("it is one of \(Value.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return value
    }
}
