/// A pattern of `AgentEventsTesting` as it is written: `.tool("search", arguments: ["query": "x"]) { … }`.
struct PatternSource: Hashable {
    private static let lineLength = 120
    private static let indentation = "    "

    var name: String
    var arguments: [String] = []
    /// The patterns in its braces; without braces when there are none.
    var body: [PatternSource] = []

    /// The lines, indented so many levels deep.
    func lines(depth: Int) -> [String] {
        let indent = String(repeating: Self.indentation, count: depth)
        var lines = head(indent)
        guard !body.isEmpty else { return lines }
        lines[lines.count - 1] += " {"
        return lines + body.flatMap { $0.lines(depth: depth + 1) } + [indent + "}"]
    }

    private func head(_ indent: String) -> [String] {
        if arguments.isEmpty { return ["\(indent).\(name)\(body.isEmpty ? "()" : "")"] }
        let line = "\(indent).\(name)(\(arguments.joined(separator: ", ")))"
        let isShort = line.count + (body.isEmpty ? 0 : " {".count) <= Self.lineLength
        guard !isShort, arguments.count > 1 else { return [line] }
        let inner = arguments.enumerated().map { offset, argument in
            indent + Self.indentation + argument + (offset == arguments.count - 1 ? "" : ",")
        }
        return ["\(indent).\(name)("] + inner + ["\(indent))"]
    }
}
