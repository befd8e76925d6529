internal import AgentEvents
internal import AgentEventsModels

/// The part of a conversation that the guide answers: the question of its run with what users have added, and what the run has done.
struct GuideConversation {
    /// The words of the question, of what was added, or, for one such as "and what else?", those of the question before.
    private(set) var question = QuestionTerms(question: "")
    /// The words that were added since the run has said or called something.
    private(set) var addedTerms: [String] = []
    /// Whether the newest message comes after an answer that was said to its end.
    private(set) var hasAnswered = false
    /// Whether an answer was said to its end, and nobody has written since.
    private(set) var isAnswered = false
    private var isAboutEarlier = false
    private var calls: [TranscriptCall] = []

    /// The reason why a call has no result, for people.
    struct Failure: Error {
        var code: String
        var sentence: String
    }

    init(_ request: ModelRequest) {
        let items = request.transcript.items
        func isUser(_ item: TranscriptItem) -> Bool { if case .user = item { true } else { false } }
        let asked = items.lastIndex { item in
            if case .user(let message) = item { message.id == request.question } else { false }
        }
        guard let begin = asked ?? items.lastIndex(where: isUser) else { return }
        var hasSaid = false
        for item in items[begin...] {
            switch item {
            case .user(let message):
                isAnswered = false
                let known = question.terms
                question = question.adding(QuestionTerms(question: message.text))
                if calls.isEmpty, !hasSaid { continue }
                addedTerms += question.terms.dropFirst(known.count)
                hasAnswered = hasSaid
            case .assistant(let turn):
                // What another run has done and said, such as one that this one does again, is not of this one.
                if let run = request.run, turn.run != run { continue }
                calls += turn.calls
                addedTerms = []
                hasAnswered = false
                hasSaid = !turn.text.isEmpty
                isAnswered = hasSaid
            }
        }
        guard question.terms.isEmpty else { return }
        let earlier = items[..<begin].reversed().lazy.compactMap { item -> QuestionTerms? in
            guard case .user(let message) = item else { return nil }
            let terms = QuestionTerms(question: message.text)
            return terms.terms.isEmpty ? nil : terms
        }
        guard let last = earlier.first else { return }
        question = last
        isAboutEarlier = true
    }

    /// The thought with which a search begins, before its words are named.
    var opening: String? {
        if !addedTerms.isEmpty { return "The user adds: \(addedTerms.joined(separator: ", ")). I look again." }
        guard isAboutEarlier, calls.isEmpty else { return nil }
        return "The question has no word of its own, so it is about the one before."
    }

    /// The result of a search; `nil` when it was not made.
    func result(of search: FolderSearch.Arguments) -> Result<FolderSearch, Failure>? {
        calls.last { call in
            guard call.tool == "search_files" else { return false }
            return (try? call.arguments.decode(as: FolderSearch.Arguments.self)) == search
        }.map { Self.result(of: $0) }
    }

    /// The outcome of reading a file; `nil` when it was not read with these words, and nobody was asked about it.
    func reading(of match: FileMatch, _ arguments: FileQuotation.Arguments) -> FileReading? {
        for call in calls.reversed() where call.tool == "read_file" {
            guard let given = try? call.arguments.decode(as: FileQuotation.Arguments.self), given.file == match.file
            else {
                continue
            }
            let result: Result<FileQuotation, Failure> = Self.result(of: call)
            switch result {
            case .success(let quotation):
                guard given == arguments || quotation.isAllowed ?? false else { continue }
                return FileReading(match: match, outcome: .excerpt(Excerpt(quotation), remark: quotation.remark))
            case .failure(let failure):
                if let reason = FileReading.refusals[failure.code] {
                    return FileReading(match: match, outcome: .refused(reason))
                }
                guard given == arguments else { continue }
                let reason = TextFolderError.Reason(rawValue: failure.code)?.explanation ?? failure.sentence
                return FileReading(match: match, outcome: .failed(reason))
            }
        }
        return nil
    }

    private static func result<Value: Decodable>(of call: TranscriptCall) -> Result<Value, Failure> {
        switch call.result {
        case .succeeded(let value):
            do {
                return .success(try (value ?? .null).decode(as: Value.self))
            } catch {
                return .failure(Failure(code: "tool.result_unreadable", sentence: "The result cannot be read."))
            }
        case .failed(let code, let sentence):
            return .failure(Failure(code: code, sentence: sentence))
        }
    }
}
