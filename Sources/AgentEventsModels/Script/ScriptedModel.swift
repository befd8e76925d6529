public import AgentEvents

/// A model that answers what it is told to: for tests, for demonstrations, and for agents whose steps are known before. It
/// needs no network, and answers the same every time.
///
/// ```swift
/// let model = ScriptedModel([
///     [.text("I look for the build."), .call("search_builds", ["name": "app"])],
///     [.text("It is build 7.")],
/// ])
/// ```
///
/// It has no memory: which reply it gives follows from the conversation that it is told of, so it continues where it was in
/// another process, too.
public struct ScriptedModel: LanguageModel {
    public let name: String
    private let wordsPerSecond: Double?
    private let clock: any Clock<Duration>
    private let answer: @Sendable (ModelRequest) async throws -> [ModelPart]

    /// A model with one reply for each turn after a message of a user: the first one when nobody has answered the newest
    /// message yet, the second one when there is one turn since. Each message begins with the first reply again; after the last
    /// one it says nothing.
    ///
    /// - Parameters:
    ///   - replies: the replies, in their order.
    ///   - name: the name of the model.
    ///   - wordsPerSecond: says its texts a word at a time, this many in a second, as models do; 0 for as fast as they are
    ///     taken. `nil` for each text at once.
    ///   - clock: the words are timed on it.
    public init(
        _ replies: [[ModelPart]],
        name: String = "scripted",
        wordsPerSecond: Double? = nil,
        clock: any Clock<Duration> = ContinuousClock()
    ) {
        self.init(name: name, wordsPerSecond: wordsPerSecond, clock: clock) { request in
            let turns = request.transcript.turnCountSinceLastMessage
            return replies.indices.contains(turns) ? replies[turns] : []
        }
    }

    /// A model whose replies follow from what it is asked.
    ///
    /// - Parameters:
    ///   - name: the name of the model.
    ///   - wordsPerSecond: as of the other initializer.
    ///   - clock: the words are timed on it.
    ///   - reply: makes the reply. What it throws is the error of the model, before anything was said.
    public init(
        name: String = "scripted",
        wordsPerSecond: Double? = nil,
        clock: any Clock<Duration> = ContinuousClock(),
        _ reply: @escaping @Sendable (ModelRequest) async throws -> [ModelPart]
    ) {
        self.name = name
        self.wordsPerSecond = wordsPerSecond
        self.clock = clock
        answer = reply
    }

    public func reply(to request: ModelRequest, _ part: (ModelPart) async throws -> Void) async throws {
        for next in try await answer(request) {
            try Task.checkCancellation()
            guard case .text(let text) = next, let wordsPerSecond else {
                try await part(next)
                continue
            }
            for word in text.words {
                try await part(.text(word))
                if wordsPerSecond > 0 { try await clock.sleep(for: .seconds(1 / wordsPerSecond)) }
            }
        }
    }
}

extension ModelPart {
    /// A call of a tool, whole.
    public static func call(_ tool: String, _ arguments: JSONValue = [:]) -> ModelPart {
        .call(ModelCall(tool: tool, arguments: .json(arguments)))
    }
}

extension Transcript {
    fileprivate var turnCountSinceLastMessage: Int {
        let last = items.lastIndex { if case .user = $0 { true } else { false } }
        return last.map { items.endIndex - $0 - 1 } ?? items.count
    }
}

extension String {
    /// Its words, each with the spaces after it; together they are the text.
    fileprivate var words: [String] {
        var words: [String] = []
        var hasEnded = true
        for character in self {
            if hasEnded, !character.isWhitespace || words.isEmpty {
                words.append("")
                hasEnded = false
            }
            words[words.count - 1].append(character)
            if character.isWhitespace { hasEnded = true }
        }
        return words
    }
}
