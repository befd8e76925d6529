package import AgentEvents

/// The answer to a question, put together from what was found.
package struct GuideAnswer: Hashable, Sendable {
    private let fragments: [String]
    /// The excerpts that it comes from, the best first.
    package let sources: [FileMatch]

    package init(terms: [String], matches: [FileMatch], readings: [FileReading], folder: String) {
        let subject = Self.enumeration(terms.map { "“\($0)”" }, joinedBy: "and")
        guard !terms.isEmpty else {
            fragments = ["The question has no word to search for. ", "Ask with a term that the files may contain."]
            sources = []
            return
        }
        guard !matches.isEmpty else {
            fragments = ["Nothing in \(folder) matches \(subject). ", "Try other words."]
            sources = []
            return
        }
        var fragments = [
            matches.count == 1
                ? "One file has to do with \(subject)." : "\(matches.count) files have to do with \(subject)."
        ]
        var read: [FileMatch] = []
        for reading in readings {
            switch reading.outcome {
            case .excerpt(let excerpt, let remark):
                let remark = remark.map { " (\($0))" } ?? ""
                fragments.append("\n\n\(reading.match.file), line \(excerpt.line)\(remark):")
                for line in excerpt.lines { fragments.append(line.isEmpty ? "\n" : "\n    \(line)") }
                read.append(reading.match.at(line: excerpt.line))
            case .refused(let reason):
                fragments.append("\n\n\(reading.match.file) matches too, but I was not allowed to read it: \(reason).")
            case .failed(let reason):
                fragments.append("\n\n\(reading.match.file) matches too, but it could not be read: \(reason).")
            }
        }
        let others = matches.filter { match in !readings.contains { $0.match == match } }
        if !others.isEmpty {
            let places = others.map { "\($0.file):\($0.line)" }
            fragments.append("\n\nSee also \(Self.enumeration(places, joinedBy: "and")).")
        }
        self.fragments = fragments
        sources = read + others
    }

    /// The whole answer.
    package var text: String { fragments.joined() }

    /// The run's result: `{"answer":…,"sources":[{"file":…,"line":…}]}`.
    package var result: JSONValue {
        [
            "answer": .string(text),
            "sources": .array(sources.map { ["file": .string($0.file), "line": .integer($0.line)] }),
        ]
    }

    private static func enumeration(_ parts: [String], joinedBy word: String) -> String {
        guard parts.count > 1, let last = parts.last else { return parts.first ?? "" }
        return "\(parts.dropLast().joined(separator: ", ")) \(word) \(last)"
    }
}
