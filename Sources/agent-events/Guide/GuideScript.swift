package import AgentEvents
package import AgentEventsModels

/// The model of the guide, which is none: what it says and calls follows from the conversation by rules. So every answer tells of
/// something that the tools have found.
///
/// ```
///             no results for the words          none for their beginnings        files are not read
/// question ──────────────────────────> search ─────────────────────────> search ───────────────────> read ──> answer
///     ^                                                                                                          │
///     └────────────────────────────── the user adds words ───────────────────────────────────────────────────────┘
/// ```
///
/// It begins at the question each time, and does what has no result yet. A file about which a person was asked is not read again in
/// the same run, whatever is added.
package struct GuideScript: Sendable {
    let folderName: String

    private static let readLimit = 2

    /// - Parameter folderName: the folder's name in answers.
    package init(folderName: String) { self.folderName = folderName }

    private enum Step {
        case search(FolderSearch.Arguments, thought: String)
        case read([FileQuotation.Arguments], thought: String)
        case say(GuideAnswer, thought: String?)
        case sayThatSearchFailed(String)
    }

    package func reply(to request: ModelRequest) -> [ModelPart] {
        let conversation = GuideConversation(request)
        // Its process was killed before the run could end.
        if conversation.isAnswered { return [] }
        if conversation.hasAnswered, conversation.addedTerms.isEmpty {
            return [.text("I find no further word in that to search for.")]
        }
        switch step(in: conversation) {
        case .search(let arguments, let thought):
            return (conversation.opening.map { [.thought($0)] } ?? [])
                + [.thought(thought), .call("search_files", Self.json(arguments))]
        case .read(let files, let thought):
            return [.thought(thought)] + files.map { .call("read_file", Self.json($0)) }
        case .say(let answer, let thought):
            return (thought.map { [.thought($0)] } ?? []) + [.text(answer.text)]
        case .sayThatSearchFailed(let sentence):
            return [.text("I could not search \(folderName). \(sentence)")]
        }
    }

    /// The result of a run: `{"answer":…,"sources":[{"file":…,"line":…}]}`; `nil` for one that could not be answered.
    package func result(of request: ModelRequest) -> JSONValue? {
        guard case .say(let answer, _) = step(in: GuideConversation(request)) else { return nil }
        return answer.result
    }

    private func step(in conversation: GuideConversation) -> Step {
        let question = conversation.question
        guard !question.terms.isEmpty else {
            return .say(
                answer(question, [], []), thought: "The question has no word that tells one file from another.")
        }
        var search = FolderSearch.Arguments(terms: question.terms, match: .words)
        guard var found = conversation.result(of: search) else {
            return .search(search, thought: "The words that matter: \(question.terms.joined(separator: ", ")).")
        }
        if case .success(let result) = found, result.matches.isEmpty, question.beginnings != question.terms {
            search = FolderSearch.Arguments(terms: question.beginnings, match: .beginnings)
            guard let wider = conversation.result(of: search) else {
                return .search(search, thought: "No file has them as they are; I look for words that begin alike.")
            }
            found = wider
        }
        switch found {
        case .failure(let failure): return .sayThatSearchFailed(failure.sentence)
        case .success(let result): return step(in: conversation, after: search, result.matches)
        }
    }

    private func step(
        in conversation: GuideConversation,
        after search: FolderSearch.Arguments,
        _ matches: [FileMatch]
    ) -> Step {
        guard !matches.isEmpty else {
            return .say(
                answer(conversation.question, [], []),
                thought: "No file has any of these words, nor one that begins like them.")
        }
        let best = matches.prefix(Self.readLimit)
        let files = best.map { FileQuotation.Arguments(file: $0.file, words: search.terms, match: search.match) }
        let readings = zip(best, files).map { conversation.reading(of: $0, $1) }
        let unread = zip(files, readings).compactMap { $1 == nil ? $0 : nil }
        guard unread.isEmpty else {
            let names = best.map { "\($0.file) (line \($0.line))" }.joined(separator: " and ")
            let count = matches.count == 1 ? "One file matches" : "\(matches.count) files match"
            return .read(unread, thought: "\(count); I read \(names).")
        }
        return .say(answer(conversation.question, matches, readings.compactMap { $0 }), thought: nil)
    }

    private func answer(_ question: QuestionTerms, _ matches: [FileMatch], _ readings: [FileReading]) -> GuideAnswer {
        GuideAnswer(terms: question.terms, matches: matches, readings: readings, folder: folderName)
    }

    private static func json(_ arguments: some Encodable) -> JSONValue {
        do {
            return try JSONValue(converting: arguments)
        } catch {
            preconditionFailure("texts and numbers are JSON: \(error)")
        }
    }
}
