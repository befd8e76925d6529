package import AgentEvents

/// An action that follows from a piece of a provider's answer.
package enum AnswerAction: Hashable, Sendable {
    /// Give the parts, which may be none, and read on.
    case give([ModelPart])
    /// Give the parts; with them the answer is whole.
    case finish([ModelPart])
    /// Give the parts; the answer has failed.
    case fail([ModelPart], ModelError)
}

/// Decides what the events of a provider's answer say, in one of its dialects.
///
/// After ``AnswerAction/finish(_:)`` and ``AnswerAction/fail(_:_:)`` whatever it gets is read over.
package protocol AnswerStateMachine: Sendable {
    mutating func receive(_ event: ServerSentEvent) -> AnswerAction

    /// The answer is not a stream, but one document.
    mutating func receive(document: JSONValue) -> AnswerAction

    /// The stream has ended.
    ///
    /// - Parameter cause: the error that ended it; `nil` when it ended like a stream that is whole.
    mutating func end(_ cause: ModelError?) -> AnswerAction
}

extension ModelError {
    /// The error of an answer that ended without an end of its own.
    static var cutOffAnswer: ModelError { ModelError(.cutOff, "the provider's answer ended before it was whole") }
}

extension JSONValue {
    /// The text of a string, with U+FFFD for each half of a surrogate pair; `nil` for what is no string.
    var text: String? {
        if case .unpairedString(let string) = self { return string.replacingUnpaired }
        return stringValue
    }

    /// The text of a string that is not empty.
    var filledText: String? { text.flatMap { $0.isEmpty ? nil : $0 } }
}
