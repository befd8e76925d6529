/// The order of a thread's events: the runs that are open, and how they hang together.
///
/// An event goes through in two steps. ``check(_:host:at:lookedUp:)`` decides and changes nothing. What it accepts,
/// ``apply(_:_:)`` changes in place, and cannot fail. What was applied can be taken back by ``rollBack(_:)`` as long as
/// the journal is there: where a later event of the same emission is refused, the thread is as it was before the first
/// (I4).
///
/// ```
///                  ┌── reject
/// draft ── check ──┼── lookUp: the log says whether the run was there before, then check again
///                  └── accept ── (encode) ── apply ──┬── offered: the journal is dropped
///                                                    └── refused later: rollBack
/// ```
///
/// No step copies the thread, a run or the text of a message, so an event costs the same however much came before it.
/// There is no clock here, no ids made up, no input or output.
///
/// The file is long because each change stands beside the one that takes it back, over state that nobody else can reach.
package struct ThreadStateMachine: Sendable {
    private let policy: OrderPolicy
    private let maximumMessageByteCount: Int
    private let idleMilliseconds: Int64?
    private(set) var runs = OpenRuns()
    private var ended = EndedRuns()
    private var nextOrdinal = 0
    /// Whether a fragment has ever ended with half of a character, since the thread was rebuilt.
    private(set) var hasHeldHalves = false
    private var due = ThreadDeadline()
    private let maximumAge: Int64?
    private(set) var rests = RunRests()
    /// The values of the thread's context; `nil` as long as nobody has asked for them, and none is known to expire.
    package private(set) var space: ContextSpaceStateMachine?
    /// The changes of values that came while they were not here.
    private(set) var missedUpdateCount: UInt64 = 0
    /// No value of ``space`` expires before.
    private var valueDeadline = ThreadStateMachine.never

    /// Nothing is overdue before. What is due later than it was keeps this time until ``takeOverdue(at:)`` looks.
    package var deadline: Timestamp { min(due.time, valueDeadline) }

    /// - Parameters:
    ///   - policy: how strictly the order is checked.
    ///   - maximumMessageByteCount: the longest text that the fragments of one message may add up to, in bytes as it
    ///     stands in JSON.
    ///   - idleMilliseconds: how long nothing may come for a run that is hosted outside and does not ask for a time of
    ///     its own; `nil` when no run is ended because nothing comes.
    ///   - maximumAge: the longest time from the start of a run without a parent to its end, in milliseconds; `nil` for no
    ///     limit.
    package init(
        policy: OrderPolicy,
        maximumMessageByteCount: Int = 960 * 1024,
        idleMilliseconds: Int64? = nil,
        maximumAge: Int64? = nil
    ) {
        self.policy = policy
        self.maximumMessageByteCount = maximumMessageByteCount
        self.idleMilliseconds = idleMilliseconds
        self.maximumAge = maximumAge
    }

    // MARK: Checking

    /// Decides on one event, and changes nothing; why it is mutating, see ``OpenRuns/check(_:_:at:time:)``.
    ///
    /// - Parameters:
    ///   - draft: the event. Its agent is needed with `agent_queued` and `agent_started`, and else `nil` or the run's.
    ///   - host: who hosts the run that the event begins.
    ///   - time: the time that the event will carry; durations end there.
    ///   - lookedUp: of runs that are not open, whether the log had one of that id.
    package mutating func check(
        _ draft: EventDraft,
        host: RunHost = .process,
        at time: Timestamp,
        lookedUp: [RunID: Bool] = [:]
    ) -> CheckAction {
        guard let run = draft.runID else { return checkOfThread(draft, host, time) }
        // One look-up, and the run is looked at in its place: this is the path of nearly every event.
        guard let place = runs.place(of: run) else {
            return checkOfNewRun(run, draft, host, time, lookedUp: lookedUp)
        }
        let resolved = runs.resolved(draft, at: place, time: time, hasHeldHalves: hasHeldHalves)
        switch runs.check(draft, resolved, at: place, time: time) {
        case .accept(let agent, let byteCount):
            return .accept(
                Acceptance(
                    agent: agent, resolved: resolved, closing: [],
                    change: .event(place: place, half: draft.halves?.start, byteCount: byteCount), host: host,
                    time: time))
        case .startQueued(let agent):
            return .accept(
                Acceptance(
                    agent: agent, resolved: nil, closing: [], change: .startQueued(place: place), host: host, time: time
                ))
        case .end(let open):
            return .accept(
                Acceptance(
                    agent: runs.agent(at: place), resolved: resolved,
                    closing: runs.closing(open, of: run, by: draft.payload, at: time), change: .end(place: place),
                    host: host,
                    time: time))
        case .reject(let violation):
            return .reject(violation)
        }
    }

    /// An event that names a run which is not open.
    private func checkOfNewRun(
        _ run: RunID,
        _ draft: EventDraft,
        _ host: RunHost,
        _ time: Timestamp,
        lookedUp: [RunID: Bool]
    ) -> CheckAction {
        // What ended here is known here: the log may not have it yet.
        guard let isUsed = ended.contains(run) ? true : lookedUp[run] else { return .lookUp(run) }
        let payload = draft.payload
        var machine = RunStateMachine(
            run: run,
            policy: policy,
            maximumMessageByteCount: maximumMessageByteCount,
            state: isUsed ? .ended : .notStarted
        )
        if case .agentStarted(let started) = payload, machine.state == .notStarted,
            let violation = runs.parentViolation(started, machine, payload)
        {
            return .reject(violation)
        }
        switch machine.check(payload, agent: draft.agent, at: time) {
        case .accept(let agent, byteCount: _):
            guard let type = payload.type, type.beginsRun, agent != nil else {
                preconditionFailure("a run begins with an event that names its agent")
            }
            return .accept(
                Acceptance(
                    agent: agent, resolved: nil, closing: [], change: type == .agentQueued ? .queue : .start,
                    host: host, time: time))
        case .startQueued, .end:
            preconditionFailure("a run that is not open was not queued, and does not end")
        case .reject(let violation):
            return .reject(violation)
        }
    }

    // MARK: Applying

    /// An empty journal, for an emission that begins now.
    package var journal: Journal {
        Journal(nextOrdinal: nextOrdinal, hasHeldHalves: hasHeldHalves, deadline: due.time, rests: rests)
    }

    /// Makes the change of an event that was accepted last, and notes how it is taken back.
    ///
    /// - Parameter draft: the one that was accepted.
    package mutating func apply(_ acceptance: Acceptance, of draft: EventDraft, _ journal: inout Journal) {
        if let undo = apply(acceptance, of: draft) { journal.append(undo) }
    }

    /// Makes the change of an event that was accepted last.
    ///
    /// - Parameter draft: the one that was accepted.
    /// - Returns: how it is taken back; `nil` when it has changed nothing.
    @discardableResult
    mutating func apply(_ acceptance: Acceptance, of draft: EventDraft) -> Journal.Undo? {
        switch acceptance.change {
        case .nothing:
            return nil
        case .give(let run):
            guard case .userMessage(let message) = draft.payload else {
                preconditionFailure("the draft is the one that was accepted")
            }
            give(message.messageID, to: run, sequence: 0)
            return .gaveInput(run)
        case .update:
            guard case .stateUpdated(let update) = draft.payload else {
                preconditionFailure("the draft is the one that was accepted")
            }
            return self.update(update, at: acceptance.time)
        case .start:
            guard let run = draft.runID, let agent = acceptance.agent, case .agentStarted(let started) = draft.payload
            else { preconditionFailure("the draft is the one that was accepted") }
            let began = start(run, agent, started, acceptance.host, at: acceptance.time)
            return .began(run, began: began)
        case .queue:
            guard let run = draft.runID, let agent = acceptance.agent, case .agentQueued(let queued) = draft.payload
            else { preconditionFailure("the draft is the one that was accepted") }
            queue(run, agent, queued, acceptance.host, at: acceptance.time)
            return .began(run, began: nil)
        case .startQueued(let place):
            guard let run = draft.runID, case .agentStarted(let started) = draft.payload else {
                preconditionFailure("the draft is the one that was accepted")
            }
            return startQueued(run, at: place, started, acceptance.time)
        case .event(let place, let half, let byteCount):
            guard let run = draft.runID else { preconditionFailure("the draft is the one that was accepted") }
            if case .payload(let payload)? = acceptance.resolved {
                return apply(payload, of: run, at: place, half: half, byteCount: byteCount, acceptance.time)
            }
            return apply(draft.payload, of: run, at: place, half: half, byteCount: byteCount, acceptance.time)
        case .end(let place):
            let root = runs.remove(at: place)
            precondition(root.machine.run == draft.runID, "nothing was applied since the check")
            var tree = Journal.EndedTree(entries: [root])
            for closing in acceptance.closing {
                guard case .agentCancelled = closing.payload, let place = runs.place(of: closing.run) else { continue }
                tree.entries.append(runs.remove(at: place))
            }
            for entry in tree.entries { ended.insert(entry.machine.run) }
            tree.parent = didEnd(root.machine.run, parent: root.machine.parent, at: acceptance.time)
            rests.remove(root.machine.run)
            if tree.parent != nil || rests.restingCount > 0 { noteRests(at: acceptance.time) }
            return .ended(tree)
        }
    }

    /// The event that was applied last has its id.
    ///
    /// - Returns: how that is taken back; `nil` for an event that commands do not refer to.
    @discardableResult
    mutating func mark(_ payload: EventPayload, of run: RunID?, as id: EventID) -> Journal.Undo? {
        guard payload.marksRun, let run, let place = runs.place(of: run) else { return nil }
        return runs.change(at: place) { entry in
            defer {
                entry.marks.since = id
                if entry.marks.began == nil { entry.marks.began = id }
            }
            return .marked(run, since: entry.marks.since)
        }
    }

    /// The same, and notes how it is taken back.
    package mutating func mark(_ payload: EventPayload, of run: RunID?, as id: EventID, _ journal: inout Journal) {
        if let undo = mark(payload, of: run, as: id) { journal.append(undo) }
    }

    private mutating func apply(
        _ payload: EventPayload,
        of run: RunID,
        at place: Int,
        half: UInt16?,
        byteCount: Int,
        _ time: Timestamp
    ) -> Journal.Undo {
        if case .inputTaken(let taken) = payload {
            defer { if rests.restingCount > 0 { noteRests(at: time) } }
            return runs.change(at: place) { entry in
                defer {
                    entry.lastTime = time
                    entry.motion = .moves
                    entry.inputs.removeAll { taken.messageIDs.contains($0.message) }
                }
                return .tookInput(
                    run, lastTime: entry.lastTime, motion: entry.motion, entry.inputs)
            }
        }
        let (lastTime, motion, undo) = runs.change(at: place) { entry in
            precondition(entry.machine.run == run, "nothing was applied since the check")
            defer {
                entry.lastTime = time
                if let motion = payload.motion { entry.motion = motion }
            }
            return (
                entry.lastTime, entry.motion,
                entry.machine.apply(payload, half: half, byteCount: byteCount, at: time)
            )
        }
        if mayChangeRests(payload, at: place) { noteRests(at: payload.isLoss ? lastTime : time) }
        if half != nil { hasHeldHalves = true }
        due.note(payload, at: time, idleMilliseconds: runs.idleMilliseconds(at: place))
        return .event(run, lastTime: lastTime, motion: motion, undo)
    }

    /// Says if runs may begin to rest, or end that, with an event of one of them.
    private func mayChangeRests(_ payload: EventPayload, at place: Int) -> Bool {
        if rests.restingCount > 0 || payload.mayRestRun { return true }
        guard case .toolCompleted = payload else { return false }
        return runs.asks(at: place)
    }

    private mutating func give(_ message: MessageID, to run: RunID, sequence: UInt64) {
        guard let place = runs.place(of: run) else { return }
        runs.change(at: place) { $0.inputs.append(OpenRuns.GivenInput(message: message, sequence: sequence)) }
    }

    /// The message that was given to a run last has its number.
    mutating func numberInput(of run: RunID, as sequence: UInt64) {
        guard let place = runs.place(of: run) else { return }
        runs.change(at: place) { entry in
            guard let last = entry.inputs.indices.last else { return }
            entry.inputs[last].sequence = sequence
        }
    }

    private mutating func update(_ update: StateUpdated, at time: Timestamp) -> Journal.Undo? {
        guard let undo = space?.apply(update, at: time) else {
            missedUpdateCount += 1
            return nil
        }
        valueDeadline = space?.deadline ?? Self.never
        return .changedValue(undo)
    }

    /// The number of changes of values that came while they were not here.
    mutating func missUpdates(_ count: UInt64) { missedUpdateCount = count }

    /// The values of the thread's context were read: from here on they change with their events.
    package mutating func setSpace(_ space: ContextSpaceStateMachine) {
        self.space = space
        valueDeadline = space.deadline
    }

    private mutating func queue(
        _ run: RunID,
        _ agent: AgentName,
        _ queued: AgentQueued,
        _ host: RunHost,
        at time: Timestamp
    ) {
        var machine = RunStateMachine(run: run, policy: policy, maximumMessageByteCount: maximumMessageByteCount)
        machine.queue(agent: agent)
        let idleMilliseconds = ownIdleMilliseconds(host, nil)
        runs.insert(
            OpenRuns.Entry(
                ordinal: nextOrdinal, host: host, idleMilliseconds: idleMilliseconds,
                window: OpenRuns.StartWindow(
                    notBefore: queued.notBefore, startBy: queued.startBy, by: queued.by,
                    isScheduled: queued.scheduleID != nil, attempt: queued.attempt, retryOf: queued.retryOf),
                messageIDs: queued.messageIDs, machine: machine, lastTime: time))
        nextOrdinal += 1
        due.noteIdle(idleMilliseconds, at: time)
        if let startBy = queued.startBy { due.lookAgain(at: startBy) }
    }

    private mutating func startQueued(
        _ run: RunID,
        at place: Int,
        _ started: AgentStarted,
        _ time: Timestamp
    ) -> Journal.Undo {
        let idleMilliseconds = ownIdleMilliseconds(runs.host(at: place), started)
        due.noteIdle(idleMilliseconds, at: time)
        if let maximumAge { due.lookAgain(at: time.advanced(byMilliseconds: maximumAge)) }
        return runs.change(at: place) { entry in
            precondition(entry.machine.run == run, "nothing was applied since the check")
            defer {
                entry.lastTime = time
                entry.idleMilliseconds = idleMilliseconds
                entry.window = OpenRuns.StartWindow()
                if !started.messageIDs.isEmpty { entry.messageIDs = started.messageIDs }
                entry.machine.startQueued(attempt: started.attempt, at: time)
            }
            return .startedQueued(
                run,
                Journal.QueuedEntry(
                    lastTime: entry.lastTime, idleMilliseconds: entry.idleMilliseconds, window: entry.window,
                    messageIDs: entry.messageIDs))
        }
    }

    /// - Returns: the parent's call of whose body it is the first sign.
    @discardableResult
    private mutating func start(
        _ run: RunID,
        _ agent: AgentName,
        _ started: AgentStarted,
        _ host: RunHost,
        at time: Timestamp
    ) -> CallID? {
        var machine = RunStateMachine(
            run: run,
            policy: policy,
            maximumMessageByteCount: maximumMessageByteCount
        )
        machine.start(agent: agent, started, at: time)
        let parent = started.parentRunID.flatMap { runs.place(of: $0) }
        let isFirstSign =
            parent.map { runs.change(at: $0) { $0.machine.startChild(run, call: started.parentCallID) } } ?? false
        // A tree of runs is as patient as its root.
        let idleMilliseconds = parent.map { runs.idleMilliseconds(at: $0) } ?? ownIdleMilliseconds(host, started)
        runs.insert(
            OpenRuns.Entry(
                ordinal: nextOrdinal, host: host, idleMilliseconds: idleMilliseconds, messageIDs: started.messageIDs,
                machine: machine, lastTime: time))
        nextOrdinal += 1
        due.noteIdle(idleMilliseconds, at: time)
        if parent == nil, let maximumAge { due.lookAgain(at: time.advanced(byMilliseconds: maximumAge)) }
        if rests.restingCount > 0 { noteRests(at: time) }
        return isFirstSign ? started.parentCallID : nil
    }

    /// The longest time without an event for a root run.
    ///
    /// - Parameter started: its start; `nil` while it is queued.
    private func ownIdleMilliseconds(_ host: RunHost, _ started: AgentStarted?) -> Int64? {
        guard host == .outside, let idleMilliseconds else { return nil }
        return started?.idleTimeoutMilliseconds ?? idleMilliseconds
    }

    /// A run was taken away, and what was open in it.
    ///
    /// - Returns: how its parent was before; `nil` when it has none that is open.
    private mutating func didEnd(_ run: RunID, parent: RunID?, at time: Timestamp) -> Journal.Parent? {
        guard let parent, let place = runs.place(of: parent) else {
            if runs.isEmpty { due.set(Self.never) }
            return nil
        }
        let before = runs.change(at: place) { entry in
            defer { entry.lastTime = time }
            return Journal.Parent(run: parent, lastTime: entry.lastTime, place: entry.machine.endChild(run))
        }
        // What was open in the child may have stopped the clock.
        due.noteIdle(runs.idleMilliseconds(at: place), at: time)
        return before
    }

    /// Takes back what was applied since a journal was begun.
    package mutating func rollBack(_ journal: Journal) {
        for undo in journal.rest.reversed() { self.undo(undo) }
        if let first = journal.first { undo(first) }
        nextOrdinal = journal.nextOrdinal
        hasHeldHalves = journal.hasHeldHalves
        due.set(journal.deadline)
        rests = journal.rests
    }

    private mutating func undo(_ undo: Journal.Undo) {
        switch undo {
        case .began(let run, let call):
            guard let place = runs.place(of: run) else { break }
            let parent = runs.remove(at: place).machine.parent
            guard let parent = parent.flatMap({ runs.place(of: $0) }) else { break }
            runs.change(at: parent) { $0.machine.undoStartChild(run, began: call) }
        case .startedQueued(let run, let queued):
            guard let place = runs.place(of: run) else { break }
            runs.change(at: place) { entry in
                entry.machine.undoStartQueued()
                entry.lastTime = queued.lastTime
                entry.idleMilliseconds = queued.idleMilliseconds
                entry.window = queued.window
                entry.messageIDs = queued.messageIDs
            }
        case .gaveInput(let run):
            guard let place = runs.place(of: run) else { break }
            runs.change(at: place) { _ = $0.inputs.popLast() }
        case .changedValue(let change):
            space?.undo(change)
            valueDeadline = space?.deadline ?? Self.never
        case .tookInput(let run, let lastTime, let motion, let inputs):
            guard let place = runs.place(of: run) else { break }
            runs.change(at: place) { entry in
                entry.motion = motion
                entry.inputs = inputs
                entry.lastTime = lastTime
            }
        case .event(let run, let lastTime, let motion, let change):
            guard let place = runs.place(of: run) else { break }
            runs.change(at: place) { entry in
                entry.motion = motion
                entry.machine.undo(change)
                entry.lastTime = lastTime
            }
        case .marked(let run, let since):
            guard let place = runs.place(of: run) else { break }
            runs.change(at: place) { $0.marks.since = since }
        case .ended(let tree):
            for entry in tree.entries { runs.insert(entry) }
            ended.removeLast(tree.entries.count)
            guard let parent = tree.parent, let place = runs.place(of: parent.run) else { break }
            runs.change(at: place) { entry in
                entry.lastTime = parent.lastTime
                guard let run = tree.entries.first?.machine.run, let place = parent.place else { return }
                entry.machine.undoEndChild(run, place)
            }
        }
    }

    // MARK: Rebuilding

    /// Replays a logged event while a thread is rebuilt.
    ///
    /// Nothing is checked, and nothing can fail: the event was accepted once. Events of runs that did not start in the
    /// replayed part are ignored.
    ///
    /// - Parameters:
    ///   - host: who hosts the run that the event starts.
    ///   - hostOfReceiver: who hosts the run that the event, a message, was given to, as the log says; `nil` for the host that
    ///     it has here.
    package mutating func restore(_ event: AgentEvent, host: RunHost = .process, hostOfReceiver: RunHost? = nil) {
        guard let run = event.runID else {
            guard case .userMessage(let message) = event.payload, let run = message.givenTo,
                takesInput(run, host: hostOfReceiver), !has(run, message.messageID)
            else { return }
            return give(message.messageID, to: run, sequence: event.sequence)
        }
        defer { mark(event.payload, of: run, as: event.id) }
        guard let place = runs.place(of: run) else {
            guard let agent = event.agent else { return }
            if case .agentQueued(let queued) = event.payload { queue(run, agent, queued, host, at: event.time) }
            if case .agentStarted(let started) = event.payload { start(run, agent, started, host, at: event.time) }
            return
        }
        if case .agentStarted(let started) = event.payload {
            if runs.state(at: place) == .queued { _ = startQueued(run, at: place, started, event.time) }
            return
        }
        guard event.type?.endsRun == true else {
            let lastTime = runs.change(at: place) { entry in
                defer { entry.lastTime = event.time }
                _ = entry.machine.apply(event.payload, at: event.time)
                if let motion = event.payload.motion { entry.motion = motion }
                if case .inputTaken(let taken) = event.payload {
                    entry.inputs.removeAll { taken.messageIDs.contains($0.message) }
                }
                return entry.lastTime
            }
            if mayChangeRests(event.payload, at: place) {
                noteRests(at: event.payload.isLoss ? lastTime : event.time)
            }
            return due.note(event.payload, at: event.time, idleMilliseconds: runs.idleMilliseconds(at: place))
        }
        let parent = runs.remove(at: place).machine.parent
        if let usage = event.payload.usage, let parent { addTokens(usage, ofChildOf: parent) }
        _ = didEnd(run, parent: parent, at: event.time)
        rests.remove(run)
        if parent != nil || rests.restingCount > 0 { noteRests(at: event.time) }
    }

    /// A child of a run has ended, and its end is on its way into the log.
    ///
    /// - Parameter usage: the tokens that it used, as its end says.
    package mutating func addTokens(_ usage: TokenUsage, ofChildOf run: RunID) {
        guard let place = runs.place(of: run) else { return }
        runs.change(at: place) { $0.machine.addTokens(ofChild: usage) }
    }

    // MARK: Runs that have ended

    /// The runs that have ended here and that the log might not give.
    package var endedRuns: Set<RunID> { ended.runs }

    /// The applied events are on their way into the log, and will be committed at a position.
    package mutating func didOffer(at position: UInt64) { ended.didOffer(at: position) }

    /// Forgets ended runs that the log gives.
    ///
    /// - Parameter position: up to where everything is committed.
    package mutating func forgetEndedRuns(committedThrough position: UInt64) {
        ended.forget(committedThrough: position)
    }

    /// A look-up in the log begins.
    ///
    /// - Parameter position: up to where everything is committed.
    package mutating func beginLookUp(committedThrough position: UInt64) {
        ended.beginLookUp(committedThrough: position)
    }

    /// A look-up in the log, begun at a position, has ended, and its answer was made use of.
    package mutating func endLookUp(committedThrough position: UInt64) {
        ended.endLookUp(committedThrough: position)
    }

    /// The runs that some events name and of which only the log can tell whether they were there.
    package func unknownRuns(in drafts: some Sequence<EventDraft>) -> Set<RunID> {
        var unknown: Set<RunID> = []
        for case let run? in drafts.lazy.map(\.runID) where !isOpen(run) && !ended.contains(run) { unknown.insert(run) }
        return unknown
    }
}

// MARK: Time

extension ThreadStateMachine {
    /// Takes what is overdue, approvals first, and values of the context last. The caller logs its end at once, and asks no
    /// second time.
    package mutating func takeOverdue(at time: Timestamp) -> [Overdue] {
        guard deadline <= time else { return [] }
        var overdue: [Overdue] = []
        if due.time <= time {
            let (runs, next) = runs.overdue(at: time, maximumAge: maximumAge)
            due.set(next)
            overdue = runs
        }
        return overdue + (space?.expired(at: time).map { .value($0) } ?? [])
    }

    /// Notes which runs rest from a time on. That is looked at when a run may begin to, and as long as one does.
    private mutating func noteRests(at time: Timestamp) {
        let waiting = waitingRuns(here: true)
        for entry in runs.inOrder where entry.machine.state != .queued {
            let (run, parent) = (entry.machine.run, entry.machine.parent)
            guard !(parent.map { isOpen($0) } ?? false) else { continue }
            rests.set(run, isResting: entry.machine.state == .paused || waiting.contains(run), at: time)
        }
    }

    /// A run that was taken up waits for the answer to what it had asked before. No event tells of it.
    package mutating func waitAgain(_ run: RunID, at time: Timestamp) {
        guard let place = runs.place(of: run), runs.asks(at: place), runs.motion(at: place) == .moves else { return }
        runs.change(at: place) { $0.motion = .waitsAgain }
        noteRests(at: time)
    }

    /// The items taken as overdue at a time were not ended: they will be taken again.
    package mutating func lookAgain(at time: Timestamp) { due.lookAgain(at: time) }

    /// Whether something came for a run that is hosted outside at a time or later, and more can be expected.
    package func isEmittedTo(since time: Timestamp) -> Bool {
        runs.trees.contains { !$0.waits && !$0.isQueued && $0.lastTime >= time }
    }
}

extension ThreadStateMachine: Equatable {
    /// Whether two machines decide alike from now on, over the same log.
    package static func == (one: Self, other: Self) -> Bool {
        one.policy == other.policy && one.maximumMessageByteCount == other.maximumMessageByteCount
            && one.runs == other.runs && one.space == other.space
    }
}
