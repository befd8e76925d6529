package import AgentEvents
package import AgentEventsProtocol

/// The answer to a command for people: the outcome, and below it the state that the command met.
package struct CommandText: Sendable {
    package let lines: [String]

    package init(_ answer: CommandAnswer) {
        let cursors = answer.cursors.map(\.description).joined(separator: " ")
        var lines =
            switch answer.outcome {
            case .done: [cursors.isEmpty ? "done" : "done: \(cursors)"]
            case .unchanged:
                ["unchanged: \(Self.words(forUnchanged: answer))"]
            case .repeated:
                ["repeated: the key came before, with the same command" + (cursors.isEmpty ? "" : ": \(cursors)")]
            }
        if let message = answer.messageID { lines.append("  message \(message)") }
        // What asks for a run is told what became of it, anything else what it met.
        let isRequest = [CommandWord.message, .start].contains { $0.rawValue == answer.name }
        if let details = answer.details {
            lines += Self.lines(of: details, verb: isRequest ? "is" : "was")
        }
        if let run = answer.runID, answer.details?.runs.isEmpty ?? true { lines.append("  run \(run)") }
        self.lines = lines
    }

    /// Why a command changed nothing.
    private static func words(forUnchanged answer: CommandAnswer) -> String {
        guard let details = answer.details, details.runs.isEmpty else { return "it was so already" }
        // A stop that came late leaves what began after the event that its sender saw.
        if !details.left.isEmpty { return "nothing that began by then is open" }
        switch CommandWord(rawValue: answer.name) {
        case .stop, .pause, .resume: return "no run is open in this thread"
        case .remove: return "there is no such value"
        case .answer, .start, .message, .revoke, .set, nil: return "it was so already"
        }
    }

    /// - Parameter details: the details of the error with which a command was refused.
    package static func lines(ofRefusal details: JSONValue?) -> [String] {
        details.map { lines(of: CommandDetails($0), verb: "is") } ?? []
    }

    private static func lines(of details: CommandDetails, verb: String) -> [String] {
        var lines = details.runs.map { "  run \(words(for: $0, verb: verb))" }
        lines += details.left.map { "  left alone: run \(words(for: $0, verb: "is"))" }
        if details.isCursorUnknown {
            lines.append("  the log does not know the event of --as-of: the command was for all open runs")
        }
        if let value = details.value {
            let by = value.by.map { " by \($0)" } ?? ""
            lines.append(
                "  version \(value.version)\(by)"
                    + (value.value.map { ": \(String(decoding: $0.encoded(), as: UTF8.self))" } ?? ""))
        }
        if let resolution = details.resolution {
            let by = resolution.by.map { " by \($0)" } ?? ""
            lines.append("  the answer that counts: \(resolution.decision.rawValue)\(by), \(resolution.cursor)")
        }
        return lines
    }

    private static func words(for run: CommandDetails.Run, verb: String) -> String {
        var words = "\(run.runID)"
        if let status = run.status { words += " \(verb) \(status.rawValue)" }
        if let since = run.since { words += " since \(since)" }
        if !run.waitingFor.isEmpty {
            words += ", with \(run.waitingFor.map(\.rawValue).joined(separator: " and ")) to be answered"
        }
        return words
    }
}
