package import AgentEvents

/// Decides what the events of `/responses` say.
///
///     open ── response.completed ─► ended
///     open ── response.incomplete, response.failed, error, the end of the stream ─► ended, failed
///
/// A call is given when its item is done, and the usage with the end. What no event has said, but the response at the end has, is
/// taken from there: some servers send no deltas.
package struct ResponsesStateMachine: AnswerStateMachine {
    /// A call that is not whole yet.
    private struct OpenCall {
        var item: String
        var name: String
        var arguments: String
    }

    private let model: String
    private let names: FunctionNames
    private var hasEnded = false
    private var calls: [OpenCall] = []
    /// The items of the calls that were given, none of which is given twice.
    private var givenItems: Set<String> = []
    private var givenCount = 0
    private var byteCount = 0
    private var hasText = false
    private var hasThought = false
    private var hasCall = false

    /// - Parameters:
    ///   - model: the name for the usage.
    ///   - names: those of the request.
    package init(model: String, names: FunctionNames) {
        self.model = model
        self.names = names
    }

    package mutating func receive(_ event: ServerSentEvent) -> AnswerAction {
        // Some end with `[DONE]`, as with chat completions; it says nothing here.
        guard !hasEnded, !event.data.isEmpty, !event.data.elementsEqual("[DONE]".utf8) else { return .give([]) }
        let document: JSONValue
        do throws(WireError) {
            document = try JSONValue(parsing: event.data)
        } catch {
            return fail(ModelError(.malformed, "an event of the provider's answer is not JSON: \(error)"))
        }
        do throws(ModelError) {
            return try receive(document, type: document["type"]?.filledText ?? event.name)
        } catch {
            return fail(error)
        }
    }

    package mutating func receive(document: JSONValue) -> AnswerAction {
        guard !hasEnded else { return .give([]) }
        if document["status"]?.text == nil, let error = ProviderError(event: document) {
            return fail(error.errorWithinAnswer)
        }
        do throws(ModelError) {
            return try conclude(document, status: "")
        } catch {
            return fail(error)
        }
    }

    package mutating func end(_ cause: ModelError?) -> AnswerAction {
        hasEnded ? .give([]) : fail(cause ?? .cutOffAnswer)
    }

    private mutating func receive(_ event: JSONValue, type: String) throws(ModelError) -> AnswerAction {
        switch type {
        case "response.output_text.delta", "response.refusal.delta":
            guard let text = event["delta"]?.filledText else { return .give([]) }
            hasText = true
            return .give([.text(text)])
        case "response.reasoning_summary_text.delta", "response.reasoning_text.delta":
            guard let text = event["delta"]?.filledText else { return .give([]) }
            hasThought = true
            return .give([.thought(text)])
        case "response.reasoning_summary_part.added":
            return .give(hasThought ? [.thought("\n\n")] : [])
        case "response.output_item.added":
            try beginCall(event)
            return .give([])
        case "response.function_call_arguments.delta":
            try receive(arguments: event["delta"]?.text ?? "", of: event, replacing: false)
            return .give([])
        case "response.function_call_arguments.done":
            try receive(arguments: event["arguments"]?.text, of: event, replacing: true)
            return .give([])
        case "response.output_item.done":
            return .give(try endCall(event))
        case "response.completed", "response.incomplete", "response.failed", "response.cancelled":
            return try conclude(event["response"] ?? event, status: String(type.dropFirst("response.".count)))
        case "error":
            return fail((ProviderError(event: event) ?? ProviderError(event)).errorWithinAnswer)
        default:
            // An event without a type, of a server in between.
            guard event["response"] == nil, let error = ProviderError(event: event) else { return .give([]) }
            return fail(error.errorWithinAnswer)
        }
    }

    // MARK: Calls

    /// By its place in the output, which all servers tell; ids differ from event to event with some.
    private static func item(of event: JSONValue) -> String {
        if let index = event["output_index"]?.integerValue { return "#\(index)" }
        return (event["item_id"] ?? event["item"]?["id"])?.text ?? ""
    }

    private mutating func beginCall(_ event: JSONValue) throws(ModelError) {
        guard let item = event["item"], item["type"]?.text == "function_call" else { return }
        guard calls.count < ModelCallAssembly.maximumCallCount else { throw Self.tooManyCalls }
        let call = OpenCall(
            item: Self.item(of: event), name: item["name"]?.text ?? "", arguments: item["arguments"]?.text ?? "")
        try count(call.name.utf8.count + call.arguments.utf8.count)
        calls.append(call)
    }

    private mutating func receive(
        arguments text: String?, of event: JSONValue, replacing: Bool
    ) throws(ModelError) {
        let item = Self.item(of: event)
        guard let text, let place = calls.lastIndex(where: { $0.item == item }) else { return }
        try count(text.utf8.count)
        if replacing { calls[place].arguments = text } else { calls[place].arguments += text }
    }

    private mutating func endCall(_ event: JSONValue) throws(ModelError) -> [ModelPart] {
        guard let item = event["item"], item["type"]?.text == "function_call" else { return [] }
        let key = Self.item(of: event)
        let begun = calls.lastIndex { $0.item == key }.map { calls.remove(at: $0) }
        guard item["status"]?.text != "incomplete", key.isEmpty || givenItems.insert(key).inserted else { return [] }
        hasCall = true
        return [try give(item, begun)]
    }

    /// Gives a call, within the limits of an answer whichever way it was told.
    private mutating func give(_ item: JSONValue, _ begun: OpenCall?) throws(ModelError) -> ModelPart {
        givenCount += 1
        guard givenCount <= ModelCallAssembly.maximumCallCount else { throw Self.tooManyCalls }
        // What came before was counted when it came.
        if begun?.arguments.isEmpty ?? true, let arguments = item["arguments"] {
            try count(arguments.text?.utf8.count ?? arguments.encoded().count)
        }
        return .call(call(item, begun))
    }

    private func call(_ item: JSONValue, _ begun: OpenCall? = nil) -> ModelCall {
        let name = item["name"]?.filledText ?? begun?.name ?? ""
        let written = item["arguments"]
        let arguments: ModelArguments =
            if let text = written?.filledText {
                ModelArguments(written: text)
            } else if let written, written.text == nil, written != .null {
                .json(written)
            } else {
                ModelArguments(written: begun?.arguments ?? "")
            }
        return ModelCall(tool: names.tool(named: name), arguments: arguments)
    }

    private static var tooManyCalls: ModelError {
        ModelError(.malformed, "the provider's answer has more than \(ModelCallAssembly.maximumCallCount) calls")
    }

    private mutating func count(_ more: Int) throws(ModelError) {
        byteCount += more
        guard byteCount <= ModelCallAssembly.maximumByteCount else {
            throw ModelError(
                .malformed,
                "the calls of the provider's answer have more than \(ModelCallAssembly.maximumByteCount) bytes")
        }
    }

    // MARK: The end

    /// - Parameter status: of a response that names none.
    private mutating func conclude(_ response: JSONValue, status: String) throws(ModelError) -> AnswerAction {
        hasEnded = true
        let usage = ProviderUsage.read(response["usage"], model: model).map { [ModelPart.usage($0)] } ?? []
        switch response["status"]?.filledText ?? status {
        case "completed": return .finish(try rest(of: response) + usage)
        case "incomplete": return .fail(restOfText(response) + usage, Self.error(ofIncomplete: response))
        case "failed":
            return .fail(usage, ProviderError(response["error"] ?? .null).errorWithinAnswer)
        case "cancelled", "queued", "in_progress": return .fail(usage, .cutOffAnswer)
        default: return .fail(usage, ModelError(.malformed, "the provider's answer has no status that is known"))
        }
    }

    private static func error(ofIncomplete response: JSONValue) -> ModelError {
        switch response["incomplete_details"]?["reason"]?.text {
        case "content_filter": ModelError(.filtered, "the provider has withheld the rest of the answer")
        case "max_output_tokens", "max_tokens", "length":
            ModelError(.tooLong, "the model's answer has reached the most tokens that it may have")
        default: .cutOffAnswer
        }
    }

    /// The rest that no event before has said.
    private mutating func rest(of response: JSONValue) throws(ModelError) -> [ModelPart] {
        var parts = restOfText(response)
        if hasCall || !calls.isEmpty {
            for begun in calls { parts.append(try give([:], begun)) }
        } else {
            for item in response["output"]?.arrayValue ?? [] where item["type"]?.text == "function_call" {
                parts.append(try give(item, nil))
            }
        }
        calls = []
        return parts
    }

    private func restOfText(_ response: JSONValue) -> [ModelPart] {
        var parts: [ModelPart] = []
        for item in response["output"]?.arrayValue ?? [] {
            switch item["type"]?.text {
            case "reasoning" where !hasThought:
                for summary in item["summary"]?.arrayValue ?? [] {
                    if let text = summary["text"]?.filledText { parts.append(.thought(text)) }
                }
            case "message" where !hasText:
                for content in item["content"]?.arrayValue ?? [] {
                    if let text = content["text"]?.filledText ?? content["refusal"]?.filledText {
                        parts.append(.text(text))
                    }
                }
            default: break
            }
        }
        return parts
    }

    private mutating func fail(_ error: ModelError) -> AnswerAction {
        hasEnded = true
        return .fail([], error)
    }
}
