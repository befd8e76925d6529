internal import AgentEvents
internal import AgentEventsModels

extension Tool {
    /// Finds the files of a folder that have to do with some words.
    static func searchFiles(in folder: TextFolder) -> Tool {
        Tool(
            "search_files",
            """
            Finds the files that have any of the words, the best first, each with the line to look at. With the match "beginnings" words \
            count that begin with one of them, else the words themselves.
            """, repeatable: true
        ) { (arguments: FolderSearch.Arguments, call: ToolCall) in
            try await FolderSearch(arguments, in: folder) { try await call.progress(fraction: $0) }
        }
    }

    /// Quotes a file of a folder, with a question before it where there is a concern about it.
    static func readFile(in folder: TextFolder) -> Tool {
        Tool(
            "read_file",
            """
            Quotes a few lines of a file: those around a line, or around the line with the most of some words. A person may be asked \
            first, and say how many lines may be quoted.
            """, repeatable: true,
            approval: .when { (arguments: FileQuotation.Arguments) in
                do {
                    return try await BlockingWork.run {
                        folder.concern(about: arguments.file)?.approval(toRead: arguments.file)
                    }
                } catch {
                    // Nobody knows: better one question too many.
                    return ReadingConcern.secret.approval(toRead: arguments.file)
                }
            }
        ) { (arguments: FileQuotation.Arguments, call: ToolCall) in
            let permission: ReadingPermission? = try call.approval.map { try ($0.form ?? [:]).decode() }
            return try await BlockingWork.run { try FileQuotation(arguments, permission, in: folder) }
        }
    }
}
