internal import AgentEvents
internal import AgentEventsHub

/// The work of the guide in one run: from the question to the answer, and back to the search when the user adds something.
struct GuideWork {
    private let guide: GuideAgent
    private let run: AgentRun
    private var question = QuestionTerms(question: "")
    /// The outcomes for the files about which a person was asked, by their paths: nobody is asked twice.
    private var asked: [String: FileReading] = [:]

    private static let matchLimit = 8
    private static let readLimit = 2
    private static let excerptRadius = 2
    private static let historyLimit = 20

    init(guide: GuideAgent, run: AgentRun) {
        self.guide = guide
        self.run = run
    }

    /// - Returns: the result of the answer that was said to its end.
    mutating func answer(_ prompt: UserPrompt) async throws -> JSONValue {
        question = try await terms(of: prompt)
        return try await answer()
    }

    /// Continues a run of a process that is gone: ends the calls that are open, among them those that wait for a person, and
    /// answers from the beginning, without asking again.
    ///
    /// - Returns: the result of the answer that was said to its end.
    mutating func resume(_ resumed: ResumedRun) async throws -> JSONValue {
        question = try await terms(of: resumed.prompt)
        let work = self
        let readings = try await withThrowingTaskGroup(of: FileReading?.self) { group in
            for call in resumed.calls { group.addTask { try await work.finish(call, of: resumed) } }
            var readings: [FileReading] = []
            for try await reading in group { if let reading { readings.append(reading) } }
            return readings
        }
        for reading in readings { asked[reading.match.file] = reading }
        return try await answer()
    }

    private mutating func answer() async throws -> JSONValue {
        while true {
            guard let answer = try await prepare(), try await say(answer) else { continue }
            return answer.result
        }
    }

    // MARK: The question

    /// The words of the question, or, for one such as "and what else?", those of the question before.
    private func terms(of prompt: UserPrompt) async throws -> QuestionTerms {
        let question = QuestionTerms(question: prompt.text)
        guard question.terms.isEmpty else { return question }
        let earlier = try await run.history(limit: Self.historyLimit).messages
            .filter { $0.role == .user && $0.messageID != prompt.messageID }
            .map { QuestionTerms(question: $0.text) }
        guard let last = earlier.last(where: { !$0.terms.isEmpty }) else { return question }
        try await run.think("The question has no word of its own, so it is about the one before.")
        return last
    }

    /// Takes the messages that the user has written since the last step.
    ///
    /// - Returns: whether the question is another one now.
    private mutating func takeAddition() async throws -> Bool {
        var added = question
        for message in try await run.takeInput() { added = added.adding(QuestionTerms(question: message.text)) }
        guard added != question else { return false }
        let words = added.terms.dropFirst(question.terms.count).joined(separator: ", ")
        question = added
        try await run.think("The user adds: \(words). I look again.")
        return true
    }

    // MARK: The answer

    /// - Returns: `nil` when the user has added something meanwhile.
    private mutating func prepare() async throws -> GuideAnswer? {
        guard !question.terms.isEmpty else {
            try await run.think("The question has no word that tells one file from another.")
            return answer([], [])
        }
        let (matches, matching) = try await search()
        if try await takeAddition() { return nil }
        guard !matches.isEmpty else {
            try await run.think("No file has any of these words, nor one that begins like them.")
            return answer([], [])
        }
        let best = Array(matches.prefix(Self.readLimit))
        let names = best.map { "\($0.file) (line \($0.line))" }.joined(separator: " and ")
        let count = matches.count == 1 ? "One file matches" : "\(matches.count) files match"
        try await run.think("\(count); I read \(names).")
        let readings = try await read(best, matching)
        if try await takeAddition() { return nil }
        return answer(matches, readings)
    }

    private func answer(_ matches: [FileMatch], _ readings: [FileReading]) -> GuideAnswer {
        GuideAnswer(terms: question.terms, matches: matches, readings: readings, folder: guide.folderName)
    }

    /// Says an answer, a word at a time, as a message of its own.
    ///
    /// - Returns: `false` when the user has added something meanwhile, and the rest was not said.
    private mutating func say(_ answer: GuideAnswer) async throws -> Bool {
        try await run.message { message in
            for word in answer.words {
                try await message.append(word)
                try await guide.pace.environment.sleep(guide.pace.pause)
                if try await takeAddition() { return false }
            }
            return true
        }
    }

    // MARK: Searching

    /// Searches for the words, and when there are none for their beginnings.
    private func search() async throws -> (matches: [FileMatch], matching: WordMatching) {
        let words = question.terms.joined(separator: ", ")
        let thought = try await run.think("The words that matter: \(words).")
        let exact = try await search(question.terms, .words, "find the files with these words")
        guard exact.isEmpty, question.beginnings != question.terms else { return (exact, .words) }
        try await run.think(" No file has them as they are; I look for words that begin alike.", continuing: thought)
        return (try await search(question.beginnings, .beginnings, "find words that begin alike"), .beginnings)
    }

    private func search(
        _ terms: [String],
        _ match: WordMatching,
        _ purpose: String
    ) async throws -> [FileMatch] {
        let arguments = FolderSearch.Arguments(terms: terms, match: match, limit: Self.matchLimit)
        return try await run.tool("search_files", arguments: arguments, purpose: purpose) {
            [folder = guide.folder] call in
            try await FolderSearch(arguments, in: folder) { try await call.progress(fraction: $0) }
        }.matches
    }

    // MARK: Reading

    /// Reads files side by side; the run continues when one cannot be read, or is not to be.
    private mutating func read(_ matches: [FileMatch], _ matching: WordMatching) async throws -> [FileReading] {
        let work = self
        let readings = try await withThrowingTaskGroup(of: (Int, FileReading, wasAsked: Bool).self) { group in
            for (index, match) in matches.enumerated() {
                group.addTask {
                    let (reading, wasAsked) = try await work.read(match, matching)
                    return (index, reading, wasAsked)
                }
            }
            var readings: [(FileReading, wasAsked: Bool)?] = Array(repeating: nil, count: matches.count)
            for try await (index, reading, wasAsked) in group { readings[index] = (reading, wasAsked) }
            return readings.compactMap { $0 }
        }
        for (reading, wasAsked) in readings where wasAsked { asked[reading.match.file] = reading }
        return readings.map(\.0)
    }

    private func read(
        _ match: FileMatch,
        _ matching: WordMatching
    ) async throws -> (reading: FileReading, wasAsked: Bool) {
        if let known = asked[match.file] { return (FileReading(match: match, outcome: known.outcome), true) }
        let folder = guide.folder
        let concern = try await BlockingWork.run { folder.concern(about: match.file) }
        var arguments: JSONObject = ["file": .string(match.file)]
        // Nobody knows the line of a file that was found by its name.
        if concern == nil { arguments["line"] = .integer(match.line) }
        let approval = concern?.approval(toRead: match.file)
        let reading = try await reading(of: match) {
            try await run.tool("read_file", arguments: JSONValue.object(arguments), approval: approval) { call in
                try await quotation(of: match, matching, in: call)
            }
        }
        return (reading, concern != nil)
    }

    /// Ends a call that another process has begun.
    ///
    /// - Returns: `nil` for one that reads nothing.
    private func finish(_ call: ResumedCall, of resumed: ResumedRun) async throws -> FileReading? {
        guard call.tool == "read_file", let file = call.arguments["file"]?.stringValue else {
            let matching = call.arguments["match"]?.stringValue.flatMap { WordMatching(rawValue: $0) } ?? .words
            let terms = matching == .words ? question.terms : question.beginnings
            let arguments = FolderSearch.Arguments(terms: terms, match: matching, limit: Self.matchLimit)
            try await resumed.finish(call) { [folder = guide.folder] call in
                try await FolderSearch(arguments, in: folder) { try await call.progress(fraction: $0) }
            }
            return nil
        }
        let line = call.arguments["line"]?.integerValue.map { Int(clamping: $0) } ?? 1
        let match = FileMatch(file: file, line: line, excerpt: "", score: 0)
        return try await reading(of: match) {
            try await resumed.finish(call) { call in try await quotation(of: match, .beginnings, in: call) }
        }
    }

    private func reading(
        of match: FileMatch,
        _ call: () async throws -> Quotation
    ) async throws -> FileReading {
        do {
            let quotation = try await call()
            return FileReading(match: match, outcome: .excerpt(quotation.excerpt, remark: quotation.remark))
        } catch let error as TextFolderError {
            return FileReading(match: match, outcome: .failed(error.explanation))
        } catch let refusal as ApprovalRefused {
            return FileReading(match: match, outcome: .refused(FileReading.words(for: refusal)))
        }
    }

    /// The result of reading a file is the excerpt; the remark stands in the answer to the question.
    private struct Quotation: Encodable, Sendable {
        let excerpt: Excerpt
        var remark: String?

        func encode(to encoder: any Encoder) throws { try excerpt.encode(to: encoder) }
    }

    private func quotation(
        of match: FileMatch,
        _ matching: WordMatching,
        in call: ToolCall
    ) async throws -> Quotation {
        guard let approved = call.approval else { return Quotation(excerpt: try await excerpt(of: match)) }
        let permission: ReadingPermission = try (approved.form ?? [:]).decode()
        return Quotation(excerpt: try await excerpt(of: match, matching, permission), remark: permission.comment)
    }

    private func excerpt(of match: FileMatch) async throws -> Excerpt {
        let folder = guide.folder
        return try await BlockingWork.run {
            Excerpt(of: try folder.text(of: match.file), around: match.line, radius: Self.excerptRadius)
        }
    }

    /// Finds the line in a file that nobody has looked into before.
    private func excerpt(
        of match: FileMatch,
        _ matching: WordMatching,
        _ permission: ReadingPermission
    ) async throws -> Excerpt {
        let folder = guide.folder
        let terms = matching == .words ? question.terms : question.beginnings
        return try await BlockingWork.run {
            let text = try folder.text(of: match.file)
            let found = FileStatistics(path: match.file, text: text, terms: terms, matching: matching)
            return Excerpt(of: text, around: found.bestLine, count: permission.lines)
        }
    }
}

/// The outcome of reading a file that matched.
package struct FileReading: Hashable, Sendable {
    package enum Outcome: Hashable, Sendable {
        /// - Parameter remark: what the person who has allowed it says of it.
        case excerpt(Excerpt, remark: String? = nil)
        /// Why it could not be read, for people.
        case failed(String)
        /// Why it was not to be read, for people.
        case refused(String)
    }

    package let match: FileMatch
    package let outcome: Outcome

    package init(match: FileMatch, outcome: Outcome) {
        self.match = match
        self.outcome = outcome
    }

    /// The reason why something is not done, for people.
    static func words(for refusal: ApprovalRefused) -> String {
        switch refusal.decision {
        case .denied, .approved: "\(refusal.by.map { "\($0)" } ?? "somebody") said no"
        case .expired: "nobody said in time whether I may"
        case .cancelled: "the question was taken back"
        }
    }
}
