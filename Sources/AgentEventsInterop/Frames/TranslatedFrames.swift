import AgentEvents
import NIOCore

/// The frames of a protocol in which a client asks for one run after another: the run that a client joins at the beginning of
/// the range, and each that begins, or continues after an answer, in it.
///
///     noting ── begin ──> in the range
struct TranslatedFrames<Source: FrameSource>: FrameMachine {
    private var source: Source
    /// The run that a client joins; `nil` when none is under way.
    private let joined: RunID?
    /// The thread as of the last event in the range.
    private var state: ThreadState
    /// Runs of which questions were answered in the range.
    private var answered: Set<RunID> = []
    private var hasNoted = false
    private var isInRange = false
    private(set) var streams: [FrameStream] = []
    /// The streams that have not ended, by the run, in the order in which they began.
    private var open: [(run: RunID?, place: Int, translation: Source.Translation)] = []
    let rules: [String]

    /// - Parameters:
    ///   - joined: the run that a client joins which comes at the beginning of the range.
    ///   - state: the thread as of the last event before the range.
    init(_ source: Source, joining joined: RunID?, _ state: ThreadState) {
        self.source = source
        self.joined = joined
        self.state = state
        rules = source.verifier.rules
    }

    mutating func note(_ event: AgentEvent) {
        hasNoted = true
        let root = rootRun(of: event)
        // Without its beginning, it is not told to a client that is told runs from their beginning.
        if Source.replays, let joined, event.runID == joined, event.type?.beginsRun == true, streams.isEmpty {
            begin(joined, .run)
        }
        tell(event)
        source.note(event, root: root)
    }

    mutating func begin() {
        if hasNoted, streams.isEmpty { begin(joined, .join) }
        isInRange = true
    }

    mutating func receive(_ event: AgentEvent, _ stored: StoredEvent) {
        let root = rootRun(of: event)
        if case .approvalResolved = event.payload, let root { answered.insert(root) }
        if let root, !open.contains(where: { $0.run == root }), let beginning = beginning(root, at: event) {
            begin(root, beginning)
        }
        tell(event)
        source.note(event, root: root)
        state.apply(event)
    }

    /// The run without a parent that an event belongs to.
    private func rootRun(of event: AgentEvent) -> RunID? {
        if case .agentStarted(let started) = event.payload, let parent = started.parentRunID {
            return state.root(of: parent)
        }
        return event.runID.map { state.root(of: $0) }
    }

    /// The way in which a client comes to a stream of a run that none is open of; `nil` when no client has asked for one.
    private func beginning(_ root: RunID, at event: AgentEvent) -> StreamBeginning? {
        guard state.openRuns.contains(where: { $0.runID == root }) else {
            return event.type?.beginsRun == true ? .run : .join
        }
        // The answers to all that is asked come together, and the client asks after them.
        if case .approvalResolved = event.payload { return nil }
        guard !state.waitsForPeople(root) else { return nil }
        return answered.contains(root) || streams.contains { $0.run == root } ? .continuation : .join
    }

    // MARK: Streams

    private mutating func begin(_ root: RunID?, _ beginning: StreamBeginning) {
        guard case (var translation, let verifier)? = source.stream(root, beginning) else { return }
        streams.append(FrameStream(root, verifier))
        let place = streams.count - 1
        add(translation.begin(), of: nil, to: place)
        if translation.hasEnded { return end(place, at: nil) }
        open.append((root, place, translation))
    }

    private mutating func tell(_ event: AgentEvent) {
        for index in open.indices {
            let frames = open[index].translation.receive(event)
            add(frames, of: event.id, to: open[index].place)
            if open[index].translation.hasEnded { end(open[index].place, at: event.id) }
        }
        open.removeAll { $0.translation.hasEnded }
    }

    private mutating func add(_ frames: [StreamFrame], of event: EventID?, to place: Int) {
        for frame in frames {
            var buffer = ByteBuffer()
            frame.write(to: &buffer)
            streams[place].add(buffer, of: event, joins: !isInRange)
        }
    }

    private mutating func end(_ place: Int, at event: EventID?) {
        streams[place].end()
        guard !"\(Source.ending)".isEmpty else { return }
        streams[place].add(ByteBuffer(staticString: Source.ending), of: event, joins: !isInRange)
    }
}
