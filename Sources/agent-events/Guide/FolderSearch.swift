internal import AgentEvents

/// The answer of the guide's tool `search_files`.
struct FolderSearch: Encodable, Sendable {
    struct Arguments: Encodable, Sendable {
        let terms: [String]
        let match: WordMatching
        let limit: Int
    }

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
                    return FileStatistics(path: path, text: text, terms: arguments.terms, matching: arguments.match)
                }
            }
            position += page.count
            if position < paths.count { try await progress(Double(position) / Double(paths.count)) }
        }
        matches = FileRanking.rank(statistics, termCount: arguments.terms.count, limit: arguments.limit)
        filesSearched = statistics.count
    }
}
