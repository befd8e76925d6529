public import AgentEvents

/// A tool that a language model may call.
///
/// ```swift
/// struct Deployment: Codable, Sendable { var build: String; var environment: String }
///
/// Tool("deploy", "Deploys a build.", approval: .ask { "Deploy \($0.build) to \($0.environment)?" }) {
///     (deployment: Deployment, call) in
///     try await deployer.deploy(deployment, idempotencyKey: call.id)
/// }
/// ```
///
/// What its body throws is the call's result as well: the model is told, and continues.
public struct Tool: Sendable {
    /// The description for a model.
    public let description: ToolDescription
    /// Whether the body may run again for the same call when its process was lost: the tool only reads, or takes the call's id
    /// as an idempotency key.
    public let isRepeatable: Bool

    /// The name.
    public var name: ToolName { description.name }

    /// The question about a call, for which its arguments have to fit.
    let approval: @Sendable (JSONValue) async throws(ToolArgumentsError) -> ToolApproval?
    /// Runs the body of an open call once that may be, and ends the call.
    ///
    /// The last parameter is a question that was not asked when the call was opened.
    let finish: @Sendable (AgentRun, ResumedCall, ToolApproval.Denial, ToolApproval?) async throws -> Void

    /// - Parameters:
    ///   - name: the name; providers take letters, digits, `_` and `-`, up to 64.
    ///   - text: what it does and when to use it, for the model.
    ///   - parameters: the JSON Schema of the arguments, an object. `nil` to make it of the type: its members with their types,
    ///     also objects, arrays and dictionaries in them; enumerations of texts with `CaseIterable` are choices, and what is
    ///     optional is not required. For a type of which none can be made it has to be given, else this traps.
    ///   - repeatable: see ``isRepeatable``.
    ///   - approval: the question that a person answers before the body runs.
    ///   - timeout: the longest time that the body may take; the approval does not count. `nil` for
    ///     `RuntimeConfiguration.toolTimeout`.
    ///   - body: the work. Several calls run at once, each in a task that is cancelled when the run ends. What it returns is
    ///     the call's result when it is `Encodable`; anything else, and nothing, is not logged.
    public init<Arguments: Decodable & Sendable, Result: Sendable>(
        _ name: ToolName,
        _ text: String,
        parameters: JSONValue? = nil,
        repeatable: Bool = false,
        approval: ToolQuestion<Arguments> = .never,
        timeout: Duration? = nil,
        _ body: @escaping @Sendable (_ arguments: Arguments, _ call: ToolCall) async throws -> Result
    ) {
        description = ToolDescription(
            name: name, text: text, parameters: parameters ?? Self.parameters(of: Arguments.self, for: name))
        isRepeatable = repeatable
        self.approval = { (json) async throws(ToolArgumentsError) in
            await approval.approval(try ToolArgumentsError.decode(Arguments.self, from: json))
        }
        finish = { run, call, denial, question in
            _ = try await run.finish(call, timeout: timeout, onDenied: denial, asking: question) {
                (open: ToolCall) async throws -> Result in
                try await body(try ToolArgumentsError.decode(Arguments.self, from: open.arguments), open)
            }
        }
    }

    private static func parameters<Arguments: Decodable>(of type: Arguments.Type, for name: ToolName) -> JSONValue {
        do throws(WireError) {
            return try SchemaProbe.arguments.schema(of: type)
        } catch {
            preconditionFailure("the tool \(name) needs the parameter `parameters` (\(error.path)): \(error.message)")
        }
    }
}

/// The question about a call of a tool that a person has to answer with a yes.
public struct ToolQuestion<Arguments>: Sendable {
    let approval: @Sendable (Arguments) async -> ToolApproval?

    /// No question: the body runs at once.
    public static var never: ToolQuestion { ToolQuestion { _ in nil } }

    /// A question about each call. It can be answered for a day, by those who may approve in the thread.
    ///
    /// - Parameter prompt: the question, for people, made of the arguments that they see with it.
    public static func ask(_ prompt: @escaping @Sendable (Arguments) -> String) -> ToolQuestion {
        ToolQuestion { ToolApproval(prompt($0)) }
    }

    /// A question about some calls, or one with a form, approvers or a time of its own.
    ///
    /// - Parameter approval: made of the arguments; `nil` for no question. It may look something up, and returns soon: the call is
    ///   not seen before.
    public static func when(_ approval: @escaping @Sendable (Arguments) async -> ToolApproval?) -> ToolQuestion {
        ToolQuestion(approval: approval)
    }
}
