import AgentEvents

/// A list of faults for people, cut where nobody reads on.
enum FaultList {
    private static let maximumCount = 20

    /// The faults of events that are not well-formed, in words.
    static func wellFormedness(_ faults: [SequenceFault]) -> String {
        let lines = faults.map { "\($0.eventID?.description ?? "\($0.position)"): \($0.rule): \($0.message)" }
        return text("The events are not well-formed", lines)
    }

    static func text(_ title: String, _ faults: [String]) -> String {
        var lines = ["\(title):"]
        lines += faults.prefix(maximumCount).map { "  \($0)" }
        if faults.count > maximumCount { lines.append("  … and \(faults.count - maximumCount) more") }
        return lines.joined(separator: "\n")
    }
}
