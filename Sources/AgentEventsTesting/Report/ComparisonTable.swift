import AgentEvents

/// A pattern beside the events that do not match it, with the first difference marked.
struct ComparisonTable {
    private struct Row {
        var mark: String
        var expected: String
        var actual: String
    }

    /// The number of rows that are shown before the difference, and after it.
    private static let contextCount = 12
    private static let widestPattern = 72

    let pattern: CompiledPattern
    let events: [AgentEvent]
    let context: EventContext
    let index: Int
    let reading: PatternMatch.Reading

    var text: String {
        let rows = self.rows
        let width = min(rows.map(\.expected.count).max() ?? 0, Self.widestPattern)
        var lines = rows.map { row in
            let padding = String(repeating: " ", count: max(0, width - row.expected.count))
            let line = "\(row.mark) \(row.expected)\(padding)   \(row.actual)"
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
        if !reasons.isEmpty { lines += [""] + reasons }
        if !runs.isEmpty { lines += [""] + runs }
        return lines.joined(separator: "\n")
    }

    private var rows: [Row] {
        var rows = [Row(mark: " ", expected: "expected", actual: "actual")]
        let first = max(0, index - Self.contextCount)
        if first > 0 { rows.append(Row(mark: " ", expected: "…", actual: "… \(first) events before")) }
        for (offset, event) in events[first..<index].enumerated() {
            let matcher = reading.matchers[first + offset]
            let expected = matcher.map { pattern.matchers[$0].description } ?? ""
            rows.append(Row(mark: matcher == nil ? " " : "=", expected: expected, actual: actual(event)))
        }
        return rows + rowsBehind
    }

    /// The difference, and after it the expected events beside those that came.
    private var rowsBehind: [Row] {
        let expected = PatternOutline(matchers: pattern.matchers).lines(of: reading.remainder)
        let actual = events[index...].map { self.actual($0) }
        let count = max(expected.count, actual.count, 1)
        var rows = (0..<min(count, Self.contextCount)).map { offset in
            Row(
                mark: offset == 0 ? ">" : " ",
                expected: expected.dropFirst(offset).first ?? (offset == 0 ? "(nothing more)" : ""),
                actual: actual.dropFirst(offset).first ?? (offset == 0 ? "(no more events)" : ""))
        }
        if count > Self.contextCount {
            rows.append(Row(mark: " ", expected: "…", actual: "… \(count - Self.contextCount) more"))
        }
        return rows
    }

    private func actual(_ event: AgentEvent) -> String {
        let run = isOneRun ? "" : "\(event.runID?.rawValue ?? "thread")  "
        return "\(event.id)  \(run)\(EventSummary.text(event))"
    }

    private var isOneRun: Bool { Set(events.compactMap(\.runID)).count <= 1 }

    /// Why the event at the difference is not what was expected, where its type is right.
    private var reasons: [String] {
        guard index < events.count else { return [] }
        let event = events[index]
        return pattern.expected(by: reading.remainder).flatMap { matcher, scope -> [String] in
            let matcher = pattern.matchers[matcher]
            guard matcher.type == nil || event.type == matcher.type else { return [] }
            var objections = matcher.objections(to: event, in: context)
            if !scope.admits(event) { objections.append(Self.objection(to: event, scope)) }
            return objections.map { "\(event.id) is not \(matcher.description): \($0)" }
        }
    }

    private static func objection(to event: AgentEvent, _ scope: PatternScope) -> String {
        if let run = scope.run, event.runID != run {
            return "it is of \(event.runID.map { "the run \($0)" } ?? "no run"), not of \(run)"
        }
        if let call = scope.call {
            return "it is of \(event.payload.call.map { "the call \($0)" } ?? "no call"), not of \(call)"
        }
        if let message = scope.message {
            return "it is of \(event.payload.message.map { "the message \($0)" } ?? "no message"), not of \(message)"
        }
        return "it is of another thought"
    }

    /// Each run alone, where there are several.
    private var runs: [String] {
        guard !isOneRun else { return [] }
        var order: [RunID] = []
        for run in events.compactMap(\.runID) where !order.contains(run) { order.append(run) }
        let different = index < events.count ? events[index].runID : nil
        return ["run by run:"]
            + order.map { run in
                let own = events.filter { $0.runID == run }
                let types = own.map { "\($0.sequence) \($0.typeName)" }.joined(separator: ", ")
                return "\(run == different ? ">" : " ") \(run) (\(own.first?.agent?.rawValue ?? "")): \(types)"
            }
    }
}
