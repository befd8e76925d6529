import AgentEvents

/// The words in which providers are told of a conversation, in all dialects.
enum ProviderTranscript {
    /// A user's message: its text, and after an empty line its data as JSON.
    static func text(of message: TranscriptMessage) -> String {
        guard let data = message.data else { return message.text }
        let json = String(decoding: data.encoded(), as: UTF8.self)
        return message.text.isEmpty ? json : "\(message.text)\n\n\(json)"
    }

    /// The result of a call: a text as it is, any other value as JSON, and a sentence where there is no value.
    static func text(of result: TranscriptResult) -> String {
        switch result {
        case .succeeded(let value?): value.filledText ?? String(decoding: value.encoded(), as: UTF8.self)
        case .succeeded(nil): "The call succeeded. It has no result."
        case .failed(_, let sentence): sentence
        }
    }

    /// The arguments of a call, always an object: servers that read them into one refuse the whole conversation for anything else, and
    /// would do so with each message that follows. Those that were none stand in it as they are.
    static func arguments(of call: TranscriptCall) -> String {
        let arguments: JSONValue = call.arguments.objectValue == nil ? ["arguments": call.arguments] : call.arguments
        return String(decoding: arguments.encoded(), as: UTF8.self)
    }

    /// The id of a call by its place in the conversation. Ids of the log are not sent: providers want ids of at most 40 or 64
    /// characters, and one wants nine letters and digits.
    static func callID(_ number: Int) -> String {
        let digits = String(number)
        return "call" + String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }
}
