package import AgentEvents

/// Writes the test that a recording passes: one `expectEvents` for each thread, to be pasted into a test of Swift Testing.
///
/// It asks for what the agents do: their inputs, thoughts, messages, calls and results, in their order, and at the same
/// time what was. Ids, times and durations are not asked for; long texts are by their beginning, and long values are
/// left out.
package struct RecordedExpectation {
    private let policy: OrderPolicy
    private var threads: [ThreadID: [AgentEvent]] = [:]
    /// In the order in which they appeared.
    private var order: [ThreadID] = []

    /// - Parameter policy: by which the recording was found to be well-formed.
    package init(policy: OrderPolicy = .standard) { self.policy = policy }

    /// The next line of a recording that is well-formed. Of a thread that was read again from elsewhere, what came last
    /// counts.
    ///
    /// - Throws: also for a draft: what becomes of it is not known.
    package mutating func receive(_ bytes: [UInt8]) throws(WireError) {
        let event: AgentEvent
        switch try RecordedLine(bytes) {
        case .blank, .message(.other): return
        case .message(.reset(let thread)): return forget(thread)
        case .message(.subscribed(let thread, let after)):
            if threads[thread]?.last?.id != after { forget(thread) }
            return
        case .event(_, let bytes): event = try EventDecoder.decode(bytes)
        }
        if threads[event.thread] == nil { order.append(event.thread) }
        threads[event.thread, default: []].append(event)
    }

    private mutating func forget(_ thread: ThreadID) {
        if threads[thread] != nil { threads[thread] = [] }
    }

    /// The lines of the test. Empty when there was no event.
    package var lines: [String] {
        var lines: [String] = []
        for thread in order where threads[thread]?.isEmpty == false {
            let parts = RecordedThread(threads[thread, default: []]).topParts
            let policy = policy == .standard ? "" : ", policy: .\(policy)"
            lines.append("expectEvents(in: sink, thread: \(SwiftLiteral.text(thread.rawValue))\(policy)) {")
            lines += PatternArrangement.patterns(of: parts, isTop: true).flatMap { $0.lines(depth: 1) }
            lines.append("}")
        }
        return lines
    }
}
