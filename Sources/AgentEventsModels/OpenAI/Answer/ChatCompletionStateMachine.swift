package import AgentEvents

/// Decides what the events of `/chat/completions` say.
///
///     open ── finish_reason ─► ending ── [DONE], or the end of the stream ─► ended
///     open ── [DONE] after something was said ─► ended
///     open ── the end of the stream, an error, [DONE] with nothing before it ─► ended, failed
///
/// The calls are given with the end, and the usage, which comes after the `finish_reason`, as the last part. An answer that has its
/// `finish_reason` is whole, even when the connection breaks before `[DONE]`. Only the first of several choices counts.
package struct ChatCompletionStateMachine: AnswerStateMachine {
    private enum State {
        case open
        /// - Parameter error: what the `finish_reason` says about an answer that is not whole.
        case ending(error: ModelError?)
        case ended
    }

    private let model: String
    private let names: FunctionNames
    private var state = State.open
    private var calls = ModelCallAssembly()
    private var usage: UsageReported?
    /// Whether the answer has had anything in it.
    private var hasContent = false

    /// - Parameters:
    ///   - model: the name for the usage.
    ///   - names: those of the request.
    package init(model: String, names: FunctionNames) {
        self.model = model
        self.names = names
    }

    package mutating func receive(_ event: ServerSentEvent) -> AnswerAction {
        if case .ended = state { return .give([]) }
        // Some keep a connection alive so.
        guard !event.data.isEmpty else { return .give([]) }
        if event.data.elementsEqual("[DONE]".utf8) { return receiveDone() }
        let document: JSONValue
        do throws(WireError) {
            document = try JSONValue(parsing: event.data)
        } catch {
            if event.name == "error" { return fail(ProviderError(body: event.data).errorWithinAnswer) }
            return fail(ModelError(.malformed, "an event of the provider's answer is not JSON: \(error)"))
        }
        if event.name == "error" {
            return fail((ProviderError(event: document) ?? ProviderError(document)).errorWithinAnswer)
        }
        return receive(chunk: document, part: "delta")
    }

    package mutating func receive(document: JSONValue) -> AnswerAction {
        if case .ended = state { return .give([]) }
        guard document["choices"]?.arrayValue?.isEmpty == false || ProviderError(event: document) != nil else {
            return fail(ModelError(.malformed, "the provider's answer has no choices"))
        }
        switch receive(chunk: document, part: "message") {
        case .give(let parts):
            // It came whole.
            hasContent = true
            return receiveDone().after(parts)
        case .finish(let parts): return .finish(parts)
        case .fail(let parts, let error): return .fail(parts, error)
        }
    }

    package mutating func end(_ cause: ModelError?) -> AnswerAction {
        switch state {
        case .open: fail(cause ?? .cutOffAnswer)
        case .ending(let error): conclude(error)
        case .ended: .give([])
        }
    }

    private mutating func receiveDone() -> AnswerAction {
        switch state {
        case .open: hasContent ? conclude(nil) : fail(.cutOffAnswer)
        case .ending(let error): conclude(error)
        case .ended: .give([])
        }
    }

    private mutating func receive(chunk: JSONValue, part: String) -> AnswerAction {
        if let error = ProviderError(event: chunk) { return fail(error.errorWithinAnswer) }
        var parts: [ModelPart] = []
        // One provider has the usage in a member of its own, and one in the choice.
        receive(usage: chunk["usage"] ?? chunk["x_groq"]?["usage"])
        for choice in chunk["choices"]?.arrayValue ?? [] where choice["index"]?.integerValue ?? 0 == 0 {
            receive(usage: choice["usage"])
            // Some send the whole message as one event.
            let piece = choice[part] ?? (hasContent ? nil : choice["message"])
            parts += Self.parts(of: piece)
            do throws(ModelError) {
                try receive(calls: piece?["tool_calls"])
            } catch {
                return fail(error).after(parts)
            }
            if let reason = choice["finish_reason"]?.filledText { state = .ending(error: Self.error(for: reason)) }
        }
        if !parts.isEmpty { hasContent = true }
        return .give(parts)
    }

    private mutating func receive(usage value: JSONValue?) {
        // Some send it with each chunk, and the last one counts.
        if let read = ProviderUsage.read(value, model: model) { usage = read }
    }

    private mutating func receive(calls value: JSONValue?) throws(ModelError) {
        guard let entries = value?.arrayValue, !entries.isEmpty else { return }
        hasContent = true
        try calls.receive(entries)
    }

    private static func parts(of piece: JSONValue?) -> [ModelPart] {
        guard let piece else { return [] }
        var parts: [ModelPart] = []
        if let thought = piece["reasoning_content"]?.filledText ?? piece["reasoning"]?.filledText {
            parts.append(.thought(thought))
        }
        if let text = piece["content"]?.filledText { parts.append(.text(text)) }
        // In parts of its own: a text, or thoughts, which are texts again.
        for content in piece["content"]?.arrayValue ?? [] {
            if let text = content["text"]?.filledText { parts.append(.text(text)) }
            for thought in content["thinking"]?.arrayValue ?? [] {
                if let text = thought["text"]?.filledText { parts.append(.thought(text)) }
            }
        }
        if let refusal = piece["refusal"]?.filledText { parts.append(.text(refusal)) }
        return parts
    }

    /// - Returns: `nil` for the reasons of an answer that is whole.
    private static func error(for reason: String) -> ModelError? {
        switch reason.lowercased() {
        case "stop", "tool_calls", "function_call", "eos", "eos_token", "end_turn", "stop_sequence": nil
        case "length", "max_tokens", "model_length":
            ModelError(.tooLong, "the model's answer has reached the most tokens that it may have")
        case "content_filter", "safety": ModelError(.filtered, "the provider has withheld the rest of the answer")
        case "error", "insufficient_system_resource", "abort":
            ModelError(.unavailable, "the provider broke its answer off: \(reason)")
        default: ModelError(.malformed, "the provider ended its answer for an unknown reason: \(reason)")
        }
    }

    private mutating func conclude(_ error: ModelError?) -> AnswerAction {
        if let error { return fail(error) }
        state = .ended
        return .finish(calls.calls(names).map(ModelPart.call) + usageParts)
    }

    /// The calls are not given: nobody knows whether they are whole.
    private mutating func fail(_ error: ModelError) -> AnswerAction {
        state = .ended
        return .fail(usageParts, error)
    }

    private var usageParts: [ModelPart] { usage.map { [.usage($0)] } ?? [] }
}

extension AnswerAction {
    /// The same after further parts.
    func after(_ first: [ModelPart]) -> AnswerAction {
        switch self {
        case .give(let parts): .give(first + parts)
        case .finish(let parts): .finish(first + parts)
        case .fail(let parts, let error): .fail(first + parts, error)
        }
    }
}
