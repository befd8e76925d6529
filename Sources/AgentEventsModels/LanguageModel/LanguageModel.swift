/// A language model: it is told of a conversation, and answers in parts.
///
/// A conforming type is a client of one model, such as ``OpenAICompatibleModel``, or a script for tests (``ScriptedModel``). It has
/// no state of a conversation, and is used by many runs at once.
public protocol LanguageModel: Sendable {
    /// The name of the model, as `usage_reported` tells it: `"qwen3-32b"`.
    var name: String { get }

    /// Answers once: text, thoughts and calls of tools. It runs no tools.
    ///
    /// The parts are given one after the other, each when the one before it was taken: `part` returns when the log has room, and not
    /// while the run is paused, so nothing of the answer waits in memory. A call is given when it is whole.
    ///
    /// - Parameters:
    ///   - request: the conversation, the instructions and the tools.
    ///   - part: takes a part. What it throws ends the answer, and is thrown on as it is.
    /// - Throws: ``ModelError``, what `part` throws, and `CancellationError` soon after the task is cancelled. An answer that the
    ///   provider did not end properly is an error, never a short answer. When it returns, the answer is whole.
    func reply(to request: ModelRequest, _ part: (ModelPart) async throws -> Void) async throws
}
