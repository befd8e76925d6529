internal import AgentEvents

/// The answer of the guide's tool `search_files`.
struct FolderSearch: Codable, Sendable {
    struct Arguments: Codable, Hashable, Sendable {
        /// At most ``QuestionTerms/maximumCount`` count.
        var terms: [String]
        /// Default: the words themselves.
        var match: WordMatching?
    }

    private static let matchLimit = 8

    let matches: [FileMatch]
    let filesSearched: Int

    private enum CodingKeys: String, CodingKey {
        case matches
        case filesSearched = "files_searched"
    }

    /// The number of files that are read between two reports of progress.
    private static let pageCount = 200

    /// Searches the files of a folder.
    ///
    /// - Parameter progress: is told how much of the folder is searched, 0 to 1, when it takes several steps.
    init(
        _ arguments: Arguments,
        in folder: TextFolder,
        progress: (_ fraction: Double) async throws -> Void
    ) async throws {
        let (terms, matching) = (Self.terms(arguments.terms, arguments.match), arguments.match ?? .words)
        let paths = try await BlockingWork.run { folder.files() }
        var statistics: [FileStatistics] = []
        var position = 0
        while position < paths.count {
            try Task.checkCancellation()
            let page = paths[position..<min(position + Self.pageCount, paths.count)]
            statistics += try await BlockingWork.run {
                page.compactMap { path in
                    // Nobody has said that these may be read: they are found by their names.
                    let concern = folder.concern(about: path)
                    if concern != .secret, folder.isBinary(path) { return nil }
                    // A file that cannot be read may still be meant, by its name; reading it will say why it cannot.
                    let text = concern == nil ? try? folder.text(of: path) : nil
                    return FileStatistics(path: path, text: text, terms: terms, matching: matching)
                }
            }
            position += page.count
            if position < paths.count { try await progress(Double(position) / Double(paths.count)) }
        }
        matches = FileRanking.rank(statistics, termCount: terms.count, limit: Self.matchLimit)
        filesSearched = statistics.count
    }

    /// Words in the form in which those of texts are compared with them, each once. A model may write them in any.
    static func terms(_ words: [String], _ match: WordMatching?) -> [String] {
        var terms: [String] = []
        for word in words {
            let folded =
                match == .beginnings ? [word.lowercased()] : WordScanner().words(in: word, includesParts: false)
            for term in folded where !term.isEmpty && !terms.contains(term) { terms.append(term) }
        }
        return Array(terms.prefix(QuestionTerms.maximumCount))
    }
}
