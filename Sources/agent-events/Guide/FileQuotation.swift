internal import AgentEvents

/// The answer of the guide's tool `read_file`.
struct FileQuotation: Codable, Hashable, Sendable {
    struct Arguments: Codable, Hashable, Sendable {
        /// Relative to the folder.
        var file: String
        /// The line with the most of these is in the middle, unless there is a line.
        var words: [String]?
        var match: WordMatching?
        /// The line in the middle, from 1.
        var line: Int?
    }

    var file: String
    /// The line in the middle, from 1.
    var line: Int
    var firstLine: Int
    var lines: [String]
    /// Whether a person has allowed it; `nil` when nobody was asked.
    var isAllowed: Bool?
    /// What the person says of it who has allowed it.
    var remark: String?

    private enum CodingKeys: String, CodingKey {
        case file, line, lines, remark
        case firstLine = "first_line"
        case isAllowed = "allowed"
    }

    private static let radius = 2

    /// Reads the file; this blocks.
    ///
    /// - Parameter permission: of the person who was asked; `nil` when nobody was.
    /// - Throws: ``TextFolderError``.
    init(_ arguments: Arguments, _ permission: ReadingPermission?, in folder: TextFolder) throws {
        let text = try folder.text(of: arguments.file)
        let line =
            arguments.line.map { min(max(1, $0), TextFolder.maximumByteCount) }
            ?? FileStatistics(
                path: arguments.file, text: text, terms: FolderSearch.terms(arguments.words ?? [], arguments.match),
                matching: arguments.match ?? .words
            ).bestLine
        let excerpt =
            permission.map { Excerpt(of: text, around: line, count: $0.lines) }
            ?? Excerpt(of: text, around: line, radius: Self.radius)
        file = arguments.file
        self.line = excerpt.line
        firstLine = excerpt.firstLine
        lines = excerpt.lines
        isAllowed = permission.map { _ in true }
        remark = permission?.comment
    }
}
