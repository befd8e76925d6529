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
        if threads[event.threadID] == nil { order.append(event.threadID) }
        threads[event.threadID, default: []].append(event)
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

/// Arranges the parts of a recorded thread as patterns: what came one after the other stands one below the other, and
/// what came at the same time stands in `.anyOrder`.
enum PatternArrangement {
    /// - Parameter isTop: whether these are the parts of the thread. Runs are written without braces there, unless there
    ///   are several at the same time.
    static func patterns(of parts: [RecordedPart], isTop: Bool) -> [PatternSource] {
        groups(of: parts).flatMap { group -> [PatternSource] in
            if let whole = whole(group, isTop: isTop) { return patterns(of: whole, isTop: isTop) }
            let branches = tracks(of: group).map { track in
                let inner = track.flatMap { patterns(of: $0, isTop: false) }
                return inner.count == 1 ? inner[0] : PatternSource(name: "sequence", body: inner)
            }
            return [PatternSource(name: "anyOrder", body: branches)]
        }
    }

    private static func patterns(of part: RecordedPart, isTop: Bool) -> [PatternSource] {
        switch part.kind {
        case .event(let event): [.event(event)]
        case .thought(let text): [.thought(text)]
        case .message(let completed): [.message("message", completed)]
        case .call(let start, let end): [.tool(start, end, body: patterns(of: part.parts, isTop: false))]
        case .run(let start):
            isTop
                ? [.event(start)] + patterns(of: part.parts, isTop: false)
                : [.run(start, body: patterns(of: part.parts, isTop: false))]
        case .restOfRun: patterns(of: part.parts, isTop: false)
        }
    }

    /// Parts that came at the same time, each connected with another one.
    private static func groups(of parts: [RecordedPart]) -> [[RecordedPart]] {
        var groups: [[RecordedPart]] = []
        var end = -1
        for part in parts {
            if part.span.lowerBound > end { groups.append([]) }
            groups[groups.count - 1].append(part)
            end = max(end, part.span.upperBound)
        }
        return groups
    }

    /// The one part of a group, with all others inside; `nil` when it has to be `.anyOrder`.
    private static func whole(_ group: [RecordedPart], isTop: Bool) -> RecordedPart? {
        guard group.count > 1 else { return group[0] }
        guard group.dropFirst().allSatisfy({ group[0].mayTake($0, isTop: isTop) }) else { return nil }
        var whole = group[0]
        whole.take(Array(group.dropFirst()))
        return whole
    }

    /// As few sequences as there can be, of parts that came one after the other.
    private static func tracks(of group: [RecordedPart]) -> [[RecordedPart]] {
        var tracks: [[RecordedPart]] = []
        for part in group {
            let free = tracks.firstIndex { track in
                track.last.map { $0.span.upperBound < part.span.lowerBound } ?? true
            }
            if let free { tracks[free].append(part) } else { tracks.append([part]) }
        }
        return tracks
    }
}
