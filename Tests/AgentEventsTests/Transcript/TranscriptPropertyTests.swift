import AgentEventsTesting
import Testing

@testable import AgentEvents

/// The transcript of every beginning of random legal threads, against what a list of their events says.
@Suite(.timeLimit(.minutes(10))) struct TranscriptPropertyTests {
    private static func unlimited() -> TranscriptFold.Limits {
        var limits = TranscriptFold.Limits()
        (limits.itemCount, limits.byteCount) = (.max, .max)
        return limits
    }

    @Test(arguments: 1...60 as ClosedRange<UInt64>) func everyBeginningIsWellFormed(seed: UInt64) throws {
        var fold = TranscriptFold(limits: Self.unlimited())
        var expected = ExpectedTranscript()
        for event in try TranscriptHistory(seed: seed).events {
            fold.apply(event)
            expected.receive(event)
            let transcript = fold.closed()
            #expect(expected.faults(transcript) == [], "after \(event.id)")
            guard expected.faults(transcript).isEmpty else { return }
        }
    }

    @Test(arguments: 1...30 as ClosedRange<UInt64>) func itIsContinuedAnywhere(seed: UInt64) throws {
        let events = try TranscriptHistory(seed: seed).events
        var generator = SeededGenerator(seed: seed)
        var limits = Self.unlimited()
        if seed.isMultiple(of: 2) {
            (limits.itemCount, limits.byteCount) = (1 + generator.below(6), generator.below(400))
        }
        var whole = TranscriptFold(includesThoughts: true, limits: limits)
        for event in events { whole.apply(event) }
        let cut = generator.below(events.count + 1)
        var begun = TranscriptFold(includesThoughts: true, limits: limits)
        for event in events[..<cut] { begun.apply(event) }
        var continued = begun
        for event in events[cut...] { continued.apply(event) }
        #expect(continued == whole)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>) func mergedFragmentsSayTheSame(seed: UInt64) throws {
        let events = try TranscriptHistory(seed: seed).events
        let stored = try events.map {
            StoredEvent(thread: $0.threadID, id: $0.id, bytes: try EventEncoder.encode($0))
        }
        var whole = TranscriptFold(includesThoughts: true, limits: Self.unlimited())
        for event in events { whole.apply(event) }
        var merged = TranscriptFold(includesThoughts: true, limits: Self.unlimited())
        for event in FragmentMerge.merging(stored, maximumByteCount: 400) {
            merged.apply(try EventDecoder.decode(event.event.bytes))
        }
        #expect(merged.closed() == whole.closed())
    }

    /// The threads have in them what the properties are about.
    @Test func theThreadsAreWild() throws {
        var counts: [String: Int] = [:]
        for seed in 1...60 as ClosedRange<UInt64> {
            for event in try TranscriptHistory(seed: seed).events {
                switch event.payload {
                case .messageCompleted(let completed) where completed.isInterrupted:
                    counts["interrupted", default: 0] += 1
                case .agentCancelled(let cancelled) where cancelled.isDiscarded: counts["discarded", default: 0] += 1
                case .userMessage(let message) where message.replaces != nil: counts["replaces", default: 0] += 1
                case .agentStarted(let started) where !started.messageIDs.isEmpty: counts["answers", default: 0] += 1
                case .agentStarted(let started) where started.parentRunID != nil: counts["child", default: 0] += 1
                case .agentQueued(let queued) where !queued.messageIDs.isEmpty: counts["queued", default: 0] += 1
                case .inputTaken(let taken) where taken.messageIDs != ["m_none"]: counts["taken", default: 0] += 1
                default: break
                }
            }
        }
        for name in ["interrupted", "discarded", "replaces", "answers", "child", "queued", "taken"] {
            #expect(counts[name, default: 0] > 3, "\(name)")
        }
    }
}

/// A random thread, legal, in which each fragment is told from every other, and messages are asked, taken and replaced.
private struct TranscriptHistory {
    private(set) var events: [AgentEvent] = []
    private var generator: SeededGenerator
    private var texts: [String: String] = [:]
    private var asked: [MessageID] = []
    /// Those that nobody has taken, and that no queued run is to answer.
    private var free: [MessageID] = []
    private var queued: [RunID: [MessageID]] = [:]
    private var roots: Set<RunID> = []

    init(seed: UInt64) throws {
        generator = SeededGenerator(seed: seed &+ 31_000)
        for event in try RandomThread(seed: seed).events {
            var event = event
            change(&event)
            events.append(event)
        }
    }

    private mutating func change(_ event: inout AgentEvent) {
        let name = "<\(event.sequence)>"
        let run = event.runID?.rawValue ?? ""
        switch event.payload {
        case .messageDelta(var delta):
            delta.text = name
            texts["\(run) \(delta.messageID)", default: ""] += name
            event.payload = .messageDelta(delta)
        case .messageCompleted(var completed):
            completed.text = texts.removeValue(forKey: "\(run) \(completed.messageID)") ?? name
            completed.isInterrupted = generator.below(4) == 0
            completed.role = generator.below(8) == 0 ? .tool : .assistant
            event.payload = .messageCompleted(completed)
        case .userMessage(var message):
            message.messageID = MessageID(stringLiteral: "m_u\(event.sequence)")
            if generator.below(5) == 0, !asked.isEmpty { message.replaces = asked[generator.below(asked.count)] }
            asked.append(message.messageID)
            free.append(message.messageID)
            event.payload = .userMessage(message)
        case .agentQueued(var queue):
            queue.messageIDs = takeFree()
            if let run = event.runID { queued[run] = queue.messageIDs }
            event.payload = .agentQueued(queue)
        case .agentStarted(var started) where started.parentRunID == nil:
            if let run = event.runID {
                roots.insert(run)
                started.messageIDs = queued.removeValue(forKey: run) ?? []
            }
            if started.messageIDs.isEmpty { started.messageIDs = takeFree() }
            if started.messageIDs.isEmpty, !asked.isEmpty, generator.below(4) == 0 {
                started.messageIDs = [asked[generator.below(asked.count)]]
                free.removeAll { started.messageIDs.contains($0) }
            }
            event.payload = .agentStarted(started)
        case .inputTaken(var taken):
            let ids = event.runID.map(roots.contains) == true ? takeFree() : []
            taken.messageIDs = ids.isEmpty ? ["m_none"] : ids
            event.payload = .inputTaken(taken)
        case .agentCancelled(var cancelled):
            cancelled.isDiscarded = generator.below(3) == 0
            event.payload = .agentCancelled(cancelled)
        default:
            break
        }
    }

    /// All of them, now and then all but the last.
    private mutating func takeFree() -> [MessageID] {
        let count = free.count > 1 && generator.below(3) == 0 ? free.count - 1 : free.count
        defer { free.removeFirst(count) }
        return Array(free.prefix(count))
    }
}

/// What the transcript of a thread has to have in it, in sets and lists.
private struct ExpectedTranscript {
    private struct Call: Hashable {
        var id: CallID
        var isClosed = false
    }

    private struct Said: Hashable {
        var fragments: [String] = []
        var isLeftOut = false
    }

    private var roots: Set<RunID> = []
    private var open: Set<RunID> = []
    private var discarded: Set<RunID> = []
    private var calls: [RunID: [Call]] = [:]
    private var said: [RunID: [MessageID: Said]] = [:]
    private var known: Set<MessageID> = []
    private var taken: [MessageID] = []

    mutating func receive(_ event: AgentEvent) {
        if case .userMessage(let message) = event.payload {
            if let replaced = message.replaces {
                known.remove(replaced)
                taken.removeAll { $0 == replaced }
            }
            known.insert(message.messageID)
        }
        guard let run = event.runID else { return }
        if case .agentStarted(let started) = event.payload, started.parentRunID == nil {
            roots.insert(run)
            open.insert(run)
            taken += started.messageIDs.filter { known.contains($0) }
        }
        guard open.contains(run) else { return }
        switch event.payload {
        case .inputTaken(let input):
            taken += input.messageIDs.filter { known.contains($0) }
        case .messageDelta(let delta):
            said[run, default: [:]][delta.messageID, default: Said()].fragments.append(delta.text)
        case .messageCompleted(let completed):
            var message = said[run]?[completed.messageID] ?? Said()
            if message.fragments.isEmpty { message.fragments = [completed.text] }
            message.isLeftOut = completed.isInterrupted || completed.role != .assistant
            said[run, default: [:]][completed.messageID] = message
        case .toolExecuting(let executing):
            calls[run, default: []].append(Call(id: executing.callID))
        case .toolCompleted(let completed):
            guard let place = calls[run]?.lastIndex(where: { $0.id == completed.callID }) else { return }
            calls[run]?[place].isClosed = true
        case .agentCompleted, .agentFailed:
            open.remove(run)
        case .agentCancelled(let cancelled):
            open.remove(run)
            if cancelled.isDiscarded { discarded.insert(run) }
        default:
            break
        }
    }

    func faults(_ transcript: Transcript) -> [String] {
        var faults: [String] = []
        var users: [MessageID] = []
        var texts: [RunID: String] = [:]
        var told: [RunID: [Call]] = [:]
        for item in transcript.items {
            switch item {
            case .user(let message):
                users.append(message.id)
            case .assistant(let turn):
                if turn.text.isEmpty, turn.calls.isEmpty { faults.append("an empty turn of \(turn.run)") }
                if Set(turn.calls.map(\.id)).count != turn.calls.count { faults.append("an id twice in a turn") }
                texts[turn.run, default: ""] += turn.text
                told[turn.run, default: []] += turn.calls.map { call in
                    if case .failed(code: "tool.open", _) = call.result {
                        Call(id: call.id)
                    } else {
                        Call(id: call.id, isClosed: true)
                    }
                }
            }
        }
        if users != taken { faults.append("messages \(users), expected \(taken)") }
        if !transcript.isComplete { faults.append("something is said to be missing") }
        for run in roots.union(texts.keys).union(told.keys) {
            let isTold = roots.contains(run) && !discarded.contains(run)
            if told[run, default: []] != (isTold ? calls[run, default: []] : []) {
                faults.append("the calls of \(run)")
            }
            let text = texts[run, default: ""]
            let messages = isTold ? said[run, default: [:]].values.filter { !$0.isLeftOut } : []
            let fragments = messages.flatMap(\.fragments)
            if text.filter({ $0 == "<" }).count != fragments.count { faults.append("the text of \(run): \(text)") }
            for message in messages {
                var rest = Substring(text)
                for fragment in message.fragments {
                    guard let range = rest.firstRange(of: fragment) else {
                        faults.append("\(fragment) of \(run) is missing, or not in its place")
                        break
                    }
                    rest = rest[range.upperBound...]
                }
            }
        }
        return faults
    }
}
