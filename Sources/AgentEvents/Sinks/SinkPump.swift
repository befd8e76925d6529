/// Drives one sink: a cursor over the log of all threads. It has no queue; what the sink has not taken is read again.
final class SinkPump: CommitObserver {
    private let sink: any EventSink
    private let durable: DurableSink?
    private let settling: (any SettlingSink)?
    private let log: any EventLog
    private let store: (any StateStore)?
    private let settings: SinkPumpStateMachine.Settings
    private let clock: any Clock<Duration>
    private let wallClock: WallClock
    private let jitter: @Sendable () -> Double
    private let signal = WakeSignal()
    private let progress = SinkProgress()
    private let erasing: SinkErasing?

    /// - Parameter erasing: the deletions that wait for the sink; `nil` when it is told of none.
    init(sink: any EventSink, log: any EventLog, erasing: SinkErasing?, _ configuration: RuntimeConfiguration) {
        self.sink = sink
        self.erasing = erasing
        self.log = log
        durable = sink as? DurableSink
        settling = durable?.sink as? any SettlingSink
        store = log as? any StateStore
        clock = configuration.durationClock
        wallClock = configuration.clock
        settings = durable.map(SinkPumpStateMachine.Settings.init) ?? .init(retry: configuration.sinkRetry)
        jitter = settings.retry.jitter ?? configuration.environment.randomFraction
    }

    /// Looked at before anything runs.
    ///
    /// - Throws: ``SinkError`` when a durable sink has no store, or shares its offset with another one.
    static func check(_ pumps: [SinkPump]) throws(SinkError) {
        var names: Set<[UInt8]> = []
        for pump in pumps {
            guard let durable = pump.durable else { continue }
            if pump.store == nil {
                throw SinkError(
                    .storeMissing, "the log keeps no values, so the sink \(durable.name) cannot be durable on it")
            }
            if !names.insert(Array(durable.offsetName.utf8)).inserted {
                throw SinkError(
                    .offsetNameInUse,
                    "two sinks store their offset as \(durable.offsetName): give each an offsetName of its own")
            }
        }
    }

    func didCommit(_ commit: LogCommit, upTo position: UInt64) { thereIsMore() }

    func didAdvance(_ threads: [AdvancedThread]) { thereIsMore() }

    /// A thread was deleted.
    func didDelete() {
        if erasing != nil { thereIsMore() }
    }

    private func thereIsMore() {
        progress.didCommit()
        signal.signal()
    }

    /// No further commits; ``run(_:)`` gives the sink what is there and returns.
    func finish() { signal.finish() }

    var sinkState: SinkState { progress.sinkState(name: sink.name) }

    /// Returns when the sink has taken every commit so far, or has failed.
    func catchUp() async { await progress.catchUp() }

    /// Tells somebody else than ``sinkState`` what happens; before ``run(_:)``.
    func setObserver(_ observer: any SinkObserver) { progress.setObserver(observer) }

    /// Gives the sink page after page, until ``finish()`` or a failure for good. Finishing wins over cancellation, so that
    /// what was committed is delivered; a sink that only throws ends the run by its attempts, a durable one by its first.
    func run(_ opening: LogOpening) async {
        do {
            var (machine, place) = try await resolveStart(opening)
            let stop = try await drive(&machine, from: &place)
            progress.end(stop.map { .stopped($0) })
            if let stop { tell(.stopped(stop)) }
        } catch {
            progress.end(.failed(error))
            tell(.failed(error))
        }
    }

    private func tell(_ kind: SinkNotice.Kind) { progress.tell(SinkNotice(sink: sink.name, kind: kind)) }

    /// - Returns: the error with which the sink asked for nothing more; `nil` when the runtime stops.
    private func drive(
        _ machine: inout SinkPumpStateMachine,
        from place: inout SinkOffset
    ) async throws -> (any Error)? {
        var action = machine.start()
        var page = LogPage(events: [], reachesEnd: false)
        var sinceSave = Stopwatch(clock)
        var commits = progress.commits
        var lastTaken: StoredEvent?
        var refusal = Refusal(Stopwatch(clock))
        while true {
            switch action {
            case .read(let offset, let count):
                tell(&refusal)
                commits = progress.commits
                place = Self.place(at: offset, after: page, place)
                if erasing?.next != nil {
                    action = machine.didFindDeletion()
                    continue
                }
                page = try await log.read(LogRead(.all(afterOffset: offset), maximumCount: count))
                if page.skipsTrimmed { progress.didMissTrimmed() }
                action = machine.didRead(
                    count: page.events.count, nextOffset: page.nextOffset, reachesEnd: page.reachesEnd,
                    sinceSave: sinceSave.elapsed)
            case .give:
                tell(&refusal)
                if let error = await refused(page.events) {
                    if machine.failures == 0 { refusal.since = Stopwatch(clock) }
                    action = machine.didRefuse(
                        Self.advice(error), refusedFor: refusal.since.elapsed, isStopping: Task.isCancelled)
                    refusal.failed(error, machine.failures)
                    progress.didRefuse(failures: machine.failures, last: error, at: wallClock.now())
                } else {
                    lastTaken = page.events.last
                    if machine.failures > 0 { tell(.recovered(failures: machine.failures)) }
                    progress.didTake(page.events.count)
                    action = machine.didTake(sinceSave: sinceSave.elapsed)
                }
            case .probe:
                tell(&refusal)
                let probe = try await probe(with: lastTaken, place, insteadOf: page)
                action = machine.didProbe(probe, isStopping: Task.isCancelled)
            case .pause(let bound):
                await pause(for: bound * jitter(), &refusal)
                action = machine.didPause(isStopping: Task.isCancelled, isStale: erasing?.isStale(page) ?? false)
            case .pauseFor(let duration):
                await pause(for: duration, &refusal)
                action = machine.didPause(isStopping: Task.isCancelled, isStale: erasing?.isStale(page) ?? false)
            case .erase:
                tell(&refusal)
                guard let erasing, let deletion = erasing.next else {
                    preconditionFailure("only this task takes deletions")
                }
                progress.didAttempt()
                if let error = await erasing.refused(deletion) {
                    if machine.failures == 0 { refusal.since = Stopwatch(clock) }
                    action = machine.didRefuseErasure(
                        Self.advice(error), refusedFor: refusal.since.elapsed, isStopping: Task.isCancelled)
                    refusal.failed(error, machine.failures)
                    progress.didRefuse(failures: machine.failures, last: error, at: wallClock.now())
                } else {
                    if machine.failures > 0 { tell(.recovered(failures: machine.failures)) }
                    if lastTaken?.thread == deletion.thread { lastTaken = nil }
                    let movesPlace = place.last?.thread == deletion.thread
                    if movesPlace {
                        place.last = nil
                        page = LogPage(events: [], reachesEnd: false)
                    }
                    try await erasing.didTake(deletion)
                    progress.didErase()
                    action = machine.didErase(movesPlace: movesPlace)
                }
            case .setAside(let attempts):
                try await setAside(page.events[0], attempts: attempts, refusal.error)
                refusal.isUntold = false
                action = machine.didSetAside(sinceSave: sinceSave.elapsed)
            case .save(let offset):
                place = Self.place(at: offset, after: page, place)
                let isSettled = await settling?.settle(isStopping: machine.isEnding) ?? true
                if isSettled { try await save(place) }
                sinceSave = Stopwatch(clock)
                action = isSettled ? machine.didSave() : machine.didPostpone()
            case .wait(let longest):
                progress.didCatchUp(to: commits)
                action = machine.didWake(isLast: await !wait(atMost: longest))
            case .end(.finished):
                progress.didCatchUp(to: commits)
                return nil
            case .end(.interrupted):
                return nil
            case .end(.stopped):
                return refusal.error
            case .end(.failed):
                if let error = refusal.error { throw error }
                preconditionFailure("a sink fails by a refusal")
            }
        }
    }

    /// The last refusal, and whether it was told of.
    private struct Refusal {
        var error: (any Error)?
        var failures = 0
        var isUntold = false
        /// Runs since the first refusal of the current batch.
        var since: Stopwatch

        init(_ since: Stopwatch) { self.since = since }

        mutating func failed(_ error: any Error, _ failures: Int) {
            (self.error, self.failures, isUntold) = (error, failures, true)
        }
    }

    /// Once for each refusal, when it is known what follows it.
    private func tell(_ refusal: inout Refusal, pause: Duration? = nil) {
        guard refusal.isUntold, let error = refusal.error else { return }
        refusal.isUntold = false
        tell(.refused(failures: refusal.failures, error, pause: pause))
    }

    /// - Returns: the error when the sink did not take the events.
    private func refused(_ events: [StoredEvent]) async -> (any Error)? {
        progress.didAttempt()
        do {
            try await sink.receive(SinkBatch(events: events))
            return nil
        } catch {
            return error
        }
    }

    private static func advice(_ error: any Error) -> SinkRetryAdvice {
        (error as? any SinkRefusal)?.advice ?? .asUsual
    }

    /// Other threads whose next event is given to find out whether a sink takes anything, at most.
    private static let probedThreadCount = 3

    /// Gives the sink another event than the one that it refuses: the last one that it took, once more. When there is none,
    /// or it was taken or set aside before a restart and is refused now, the next ones of other threads, which come again
    /// in their turn.
    private func probe(
        with lastTaken: StoredEvent?,
        _ place: SinkOffset,
        insteadOf page: LogPage
    ) async throws -> SinkPumpStateMachine.Probe {
        if let lastTaken { return await probe(lastTaken) }
        var probe = SinkPumpStateMachine.Probe.impossible
        if let event = try await lastEvent(of: place) {
            probe = await self.probe(event)
            if probe.isFinal { return probe }
        }
        guard let suspect = page.events.first else { preconditionFailure("a refused event is on the page") }
        let following = try await log.read(LogRead(.all(afterOffset: page.nextOffset)))
        // In the order of their threads: each is the first of its thread after what was taken.
        var threads: Set = [suspect.thread]
        for event in following.events where threads.insert(event.thread).inserted {
            probe = await self.probe(event)
            if probe.isFinal || threads.count > Self.probedThreadCount { break }
        }
        return probe
    }

    private func probe(_ event: StoredEvent) async -> SinkPumpStateMachine.Probe {
        await refused([event]).map { .refused(Self.advice($0)) } ?? .taken
    }

    /// The event before a place, when it is kept.
    private func lastEvent(of place: SinkOffset) async throws -> StoredEvent? {
        guard let last = place.last else { return nil }
        return try await log.read(LogRead(.thread(last.thread, after: last.id.sequence - 1), maximumCount: 1))
            .events.first { $0.id == last.id }
    }

    /// The place at an offset: after the page, or where it was when the page is not done.
    private static func place(at offset: UInt64, after page: LogPage, _ place: SinkOffset) -> SinkOffset {
        guard offset == page.nextOffset, let last = page.events.last else {
            return SinkOffset(offset, last: place.last)
        }
        return SinkOffset(offset, last: .init(last))
    }

    // MARK: Waiting

    /// - Returns: `false` when nothing more will be committed.
    private func wait(atMost longest: Duration?) async -> Bool {
        guard let longest else { return await signal.waitThroughCancellation() }
        return await withTaskGroup { group in
            group.addTask {
                // A cancelled pause is no signal: the task would not rest until the end.
                guard (try? await self.clock.sleep(for: longest)) != nil else { return }
                self.signal.signal()
            }
            defer { group.cancelAll() }
            return await signal.waitThroughCancellation()
        }
    }

    private func pause(for duration: Duration, _ refusal: inout Refusal) async {
        // A sink may ask for any time; a century is as good as never.
        let milliseconds = Int64(min(duration, .seconds(3_155_760_000)) / .milliseconds(1))
        progress.willTry(at: Timestamp(milliseconds: wallClock.now().milliseconds + milliseconds))
        tell(&refusal, pause: duration)
        // A cancelled pause is short; the attempts are counted all the same.
        try? await clock.sleep(for: duration)
        progress.willTry(at: nil)
    }

    // MARK: The offset

    private func resolveStart(_ opening: LogOpening) async throws -> (machine: SinkPumpStateMachine, place: SinkOffset)
    {
        guard let durable, let store else {
            return begin(SinkOffset(opening.endOffset), isSaved: false)
        }
        let stored: [UInt8]?
        do throws(EventLogError) {
            stored = try await store.load(.sink, thread: nil, name: durable.offsetName)
        } catch {
            throw SinkError(.offsetNotSaved, "the offset of \(durable.name) cannot be loaded: \(error)", cause: error)
        }
        guard let stored else {
            return begin(SinkOffset(durable.start == .now ? opening.endOffset : 0), isSaved: false)
        }
        let found = try await SinkPlaceCheck(name: durable.name, log: log, opening: opening)
            .check(try SinkOffset(decoding: stored, name: durable.name))
        if found.isDiverged { progress.didDiverge() }
        return begin(found.place, isSaved: !found.isDiverged)
    }

    private func begin(_ place: SinkOffset, isSaved: Bool) -> (machine: SinkPumpStateMachine, place: SinkOffset) {
        (SinkPumpStateMachine(settings, offset: place.offset, isSaved: isSaved), place)
    }

    private func save(_ place: SinkOffset) async throws(SinkError) {
        guard let durable, let store else { preconditionFailure("only durable sinks save their offset") }
        let value = StoredValue(.sink, name: durable.offsetName, bytes: place.encoded())
        do throws(EventLogError) {
            try await store.save([value])
        } catch {
            throw SinkError(.offsetNotSaved, "the offset of \(durable.name) cannot be saved: \(error)", cause: error)
        }
    }

    // MARK: Dead letters

    private func setAside(_ event: StoredEvent, attempts: Int, _ refusal: (any Error)?) async throws(SinkError) {
        if let deadLetters = durable?.deadLetters {
            try await append(event, attempts: attempts, refusal, to: deadLetters)
        }
        progress.didSetAside()
        tell(
            .setAside(
                thread: event.thread, event.id, attempts: attempts, isKept: durable?.deadLetters != nil, refusal))
    }

    private func append(
        _ event: StoredEvent,
        attempts: Int,
        _ refusal: (any Error)?,
        to deadLetters: any DeadLetterStore
    ) async throws(SinkError) {
        let letter = DeadLetter(
            sink: sink.name, error: refusal.map { "\($0)" } ?? "", attempts: attempts, time: wallClock.now(),
            event: event.bytes)
        do {
            try await deadLetters.append(letter)
        } catch {
            throw SinkError(
                .setAsideFailed, "event \(event.id) of \(event.thread) cannot be set aside: \(error)", cause: error)
        }
    }
}

extension SinkPumpStateMachine.Settings {
    init(_ durable: DurableSink) {
        self.init(
            retry: durable.retry,
            isDurable: true,
            setsAside: durable.deadLetters != nil || durable.passesOverRefused,
            savedEventCount: durable.savedEventCount,
            savedInterval: durable.savedInterval
        )
    }
}

/// The time since it was started, on any clock.
struct Stopwatch: Sendable {
    private let read: @Sendable () -> Duration

    init(_ clock: some Clock<Duration>) {
        let start = clock.now
        read = { start.duration(to: clock.now) }
    }

    var elapsed: Duration { read() }
}
