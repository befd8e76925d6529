import AgentEvents

/// The arguments of a call do not fit its tool. The model is told what is wrong, and can call again.
struct ToolArgumentsError: CodedError, Hashable, CustomStringConvertible {
    let description: String

    var eventCode: String { "tool.arguments_invalid" }
    var eventMessage: String { description }

    static func decode<Arguments: Decodable>(
        _ type: Arguments.Type,
        from json: JSONValue
    ) throws(ToolArgumentsError) -> Arguments {
        do {
            return try json.decode(as: type)
        } catch let error as DecodingError {
            throw ToolArgumentsError(description: sentence(error))
        } catch {
            throw ToolArgumentsError(description: "the arguments do not fit: \(error)")
        }
    }

    private static func sentence(_ error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, let context):
            return "the argument \(path(context.codingPath + [key])) is missing"
        case .valueNotFound(_, let context):
            return "the argument \(path(context.codingPath)) is null, a value is expected"
        case .typeMismatch(let type, let context):
            return "the argument \(path(context.codingPath)) does not have the type that is expected, \(type)"
        default:
            guard case .dataCorrupted(let context) = error else { return "the arguments do not fit: \(error)" }
            return "the argument \(path(context.codingPath)) is not one that is taken: \(context.debugDescription)"
        }
    }

    private static func path(_ keys: [any CodingKey]) -> String {
        keys.isEmpty ? "(all of them)" : keys.map(\.stringValue).joined(separator: ".")
    }
}

/// A call that a model asks for and that is not carried out. The model is told why.
enum ToolRefusal: CodedError, Hashable, CustomStringConvertible {
    /// - Parameters:
    ///   - name: as the model wrote it.
    ///   - known: the tools that there are.
    case unknown(name: String, known: [ToolName])
    case unreadable

    var eventCode: String {
        switch self {
        case .unknown: "tool.unknown"
        case .unreadable: "tool.arguments_unreadable"
        }
    }

    var eventMessage: String { description }

    var description: String {
        switch self {
        case .unknown(let name, let known):
            "there is no tool \(name.prefix(64)); "
                + (known.isEmpty ? "there are none" : "there are: \(known.map(\.rawValue).joined(separator: ", "))")
        case .unreadable:
            "the arguments are not one JSON object that the log could hold; the tool was not called"
        }
    }
}
