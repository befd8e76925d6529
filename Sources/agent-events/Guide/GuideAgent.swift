package import AgentEvents
package import AgentEventsHub

/// Answers questions about a folder of text files: searches it, reads the best two matches side by side, and quotes
/// them.
///
/// There is no language model in it. Every event tells of something that was done.
package struct GuideAgent: ServedAgent {
    package let name: AgentName = "guide"
    private let folder: TextFolder
    private let folderName: String

    private static let matchLimit = 8
    private static let readLimit = 2
    private static let excerptRadius = 2
    private static let historyLimit = 20

    /// - Parameter folderName: the folder's name in answers.
    package init(folder: TextFolder, folderName: String) {
        self.folder = folder
        self.folderName = folderName
    }

    package func respond(to prompt: UserPrompt, run: AgentRun) async throws -> JSONValue? {
        let question = try await terms(of: prompt, run)
        guard !question.terms.isEmpty else {
            try await run.think("The question has no word that tells one file from another.")
            return try await say(
                GuideAnswer(terms: [], matches: [], readings: [], folder: folderName), run)
        }
        let matches = try await search(question, run)
        guard !matches.isEmpty else {
            try await run.think("No file has any of these words, nor one that begins like them.")
            return try await say(
                GuideAnswer(terms: question.terms, matches: [], readings: [], folder: folderName), run)
        }
        let best = Array(matches.prefix(Self.readLimit))
        let names = best.map { "\($0.file) (line \($0.line))" }.joined(separator: " and ")
        let count = matches.count == 1 ? "One file matches" : "\(matches.count) files match"
        try await run.think("\(count); I read \(names).")
        let readings = try await read(best, run)
        return try await say(
            GuideAnswer(terms: question.terms, matches: matches, readings: readings, folder: folderName), run)
    }

    /// The words of the question, or, for one such as "and what else?", those of the question before.
    private func terms(of prompt: UserPrompt, _ run: AgentRun) async throws -> QuestionTerms {
        let question = QuestionTerms(question: prompt.text)
        guard question.terms.isEmpty else { return question }
        let earlier = try await run.history(limit: Self.historyLimit).messages
            .filter { $0.role == .user && $0.messageID != prompt.messageID }
            .map { QuestionTerms(question: $0.text) }
        guard let last = earlier.last(where: { !$0.terms.isEmpty }) else { return question }
        try await run.think("The question has no word of its own, so it is about the one before.")
        return last
    }

    /// Searches for the words, and when there are none for their beginnings.
    private func search(_ question: QuestionTerms, _ run: AgentRun) async throws -> [FileMatch] {
        let words = question.terms.joined(separator: ", ")
        let thought = try await run.think("The words that matter: \(words).")
        let exact = try await search(question.terms, .words, "find the files with these words", run)
        guard exact.isEmpty, question.beginnings != question.terms else { return exact }
        try await run.think(" No file has them as they are; I look for words that begin alike.", continuing: thought)
        return try await search(question.beginnings, .beginnings, "find words that begin alike", run)
    }

    private func search(
        _ terms: [String],
        _ match: WordMatching,
        _ purpose: String,
        _ run: AgentRun
    ) async throws -> [FileMatch] {
        let arguments = FolderSearch.Arguments(terms: terms, match: match, limit: Self.matchLimit)
        return try await run.tool("search_files", arguments: arguments, purpose: purpose) { call in
            try await FolderSearch(arguments, in: folder) { try await call.progress(fraction: $0) }
        }.matches
    }

    /// Reads files side by side; the run continues when one cannot be read.
    private func read(_ matches: [FileMatch], _ run: AgentRun) async throws -> [FileReading] {
        try await withThrowingTaskGroup(of: (Int, FileReading).self) { group in
            for (index, match) in matches.enumerated() {
                group.addTask { (index, try await read(match, run)) }
            }
            var readings: [FileReading?] = Array(repeating: nil, count: matches.count)
            for try await (index, reading) in group { readings[index] = reading }
            return readings.compactMap { $0 }
        }
    }

    private func read(_ match: FileMatch, _ run: AgentRun) async throws -> FileReading {
        let arguments: JSONValue = ["file": .string(match.file), "line": .integer(match.line)]
        do {
            let excerpt = try await run.tool("read_file", arguments: arguments) { _ in
                try await BlockingWork.run {
                    Excerpt(of: try folder.text(of: match.file), around: match.line, radius: Self.excerptRadius)
                }
            }
            return FileReading(match: match, outcome: .excerpt(excerpt))
        } catch let error as TextFolderError {
            return FileReading(match: match, outcome: .failed(error.explanation))
        }
    }

    private func say(_ answer: GuideAnswer, _ run: AgentRun) async throws -> JSONValue {
        for fragment in answer.fragments { try await run.say(fragment) }
        return answer.result
    }
}

/// The outcome of reading a file that matched.
package struct FileReading: Hashable, Sendable {
    package enum Outcome: Hashable, Sendable {
        case excerpt(Excerpt)
        /// Why it could not be read, for people.
        case failed(String)
    }

    package let match: FileMatch
    package let outcome: Outcome

    package init(match: FileMatch, outcome: Outcome) {
        self.match = match
        self.outcome = outcome
    }
}
