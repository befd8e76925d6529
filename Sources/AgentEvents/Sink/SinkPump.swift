/// Drives one sink: a cursor over the log of all threads. It has no queue; what the sink has not taken is read again.
final class SinkPump: CommitObserver {
    private let sink: any EventSink
    private let durable: DurableSink?
    private let log: any EventLog
    private let store: (any StateStore)?
    private let settings: SinkPumpStateMachine.Settings
    private let clock: any Clock<Duration>
    private let wallClock: WallClock
    private let signal = WakeSignal()
    private let progress = SinkProgress()

    init(sink: any EventSink, log: any EventLog, _ configuration: RuntimeConfiguration) {
        self.sink = sink
        self.log = log
        durable = sink as? DurableSink
        store = log as? any StateStore
        clock = configuration.durationClock
        wallClock = configuration.clock
        settings = durable.map(SinkPumpStateMachine.Settings.init) ?? .init(retry: configuration.sinkRetry)
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

    func didCommit(_ commit: LogCommit, upTo position: UInt64) {
        progress.didCommit()
        signal.signal()
    }

    /// No further commits; ``run(_:)`` gives the sink what is there and returns.
    func finish() { signal.finish() }

    var sinkState: SinkState { progress.sinkState(name: sink.name) }

    /// Returns when the sink has taken every commit so far, or has failed.
    func catchUp() async { await progress.catchUp() }

    /// Gives the sink page after page, until ``finish()`` or a failure for good. Finishing wins over cancellation, so that
    /// what was committed is delivered; a sink that only throws ends the run by its attempts, a durable one by its first.
    func run(_ opening: LogOpening) async {
        do {
            var (machine, place) = try await beginning(opening)
            try await drive(&machine, from: &place)
            progress.end(nil)
        } catch {
            progress.end(error)
        }
    }

    private func drive(_ machine: inout SinkPumpStateMachine, from place: inout SinkOffset) async throws {
        var action = machine.start()
        var page = LogPage(events: [], reachesEnd: false)
        var sinceSave = Stopwatch(clock)
        var commits = progress.commits
        var refusal: (any Error)?
        while true {
            switch action {
            case .read(let offset):
                commits = progress.commits
                place = Self.place(at: offset, behind: page, place)
                page = try await log.read(LogRead(.all(afterOffset: offset)))
                if page.skipsTrimmed { progress.didMissTrimmed() }
                action = machine.didRead(
                    count: page.events.count, nextOffset: page.nextOffset, reachesEnd: page.reachesEnd,
                    sinceSave: sinceSave.elapsed)
            case .give(let piece):
                progress.didAttempt()
                do {
                    try await sink.receive(SinkBatch(events: Array(page.events[piece])))
                    progress.didTake(piece.count)
                    action = machine.didTake(sinceSave: sinceSave.elapsed)
                } catch {
                    refusal = error
                    let advice = (error as? any SinkRefusal)?.advice ?? .asUsual
                    action = machine.didRefuse(advice, isStopping: Task.isCancelled)
                    progress.didRefuse(failures: machine.failures, last: error)
                }
            case .pause(let bound):
                await pause(for: bound * settings.retry.jitter())
                action = machine.didPause()
            case .pauseFor(let duration):
                await pause(for: duration)
                action = machine.didPause()
            case .setAside(let index, let attempts):
                try await setAside(page.events[index], attempts: attempts, refusal)
                action = machine.didSetAside(sinceSave: sinceSave.elapsed)
            case .save(let offset):
                place = Self.place(at: offset, behind: page, place)
                try await save(place)
                sinceSave = Stopwatch(clock)
                action = machine.didSave()
            case .wait(let longest):
                progress.didCatchUp(to: commits)
                action = machine.didWake(isLast: await !wait(atMost: longest))
            case .end(.finished):
                progress.didCatchUp(to: commits)
                return
            case .end(.interrupted):
                return
            case .end(.failed):
                if let refusal { throw refusal }
                preconditionFailure("a sink fails by a refusal")
            }
        }
    }

    /// The place at an offset: behind the page, or where it was when the page is not done.
    private static func place(at offset: UInt64, behind page: LogPage, _ place: SinkOffset) -> SinkOffset {
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

    private func pause(for duration: Duration) async {
        // A cancelled pause is short; the attempts are counted all the same.
        try? await clock.sleep(for: duration)
    }

    // MARK: The offset

    private func beginning(_ opening: LogOpening) async throws -> (machine: SinkPumpStateMachine, place: SinkOffset) {
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
        if found.isDiverged { progress.didGoBack() }
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
        guard let deadLetters = durable?.deadLetters else { preconditionFailure("there are dead letters") }
        let letter = DeadLetter(
            sink: sink.name, error: refusal.map { "\($0)" } ?? "", attempts: attempts, time: wallClock.now(),
            event: event.bytes)
        do throws(SinkError) {
            try await deadLetters.append(letter)
        } catch {
            throw SinkError(
                .setAsideFailed, "event \(event.id) of \(event.thread) cannot be set aside: \(error)", cause: error)
        }
        progress.didSetAside()
    }
}

extension SinkPumpStateMachine.Settings {
    init(_ durable: DurableSink) {
        self.init(
            retry: durable.retry,
            isDurable: true,
            setsAside: durable.deadLetters != nil,
            savedEventCount: durable.savedEventCount,
            savedInterval: .seconds(durable.savedSeconds)
        )
    }
}
