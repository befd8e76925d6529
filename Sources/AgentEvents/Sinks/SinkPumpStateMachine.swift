/// Decides what the pump of a sink does next: read, give, pause, test whether the sink takes anything at all, set an
/// event aside, save the offset, wait.
///
/// ```
///               ┌────────────── taken, set aside ──────────────┐
///               v                                              │
/// start -> read a batch -> give it ── refused ──> pause ──> give it, or a smaller one from the same event on
///            ^    │          ^                     ^ │
///    woken   │    │ nothing  │ taken               │ │ one event, refused often and long enough
///            wait <          probe <───────────────│─┘
///                            └── refused ──────────┘      refused again after a probe was taken: set aside, or failed
/// ```
///
/// A batch that is refused is given again from the same event on, so nothing overtakes it. After some attempts it is
/// halved with each further one, until its first event stands alone: what is good before a bad event gets through.
///
/// No event of a durable sink is set aside while the sink refuses everything alike: first another event is given (the
/// probe): the last one that it took, once more, or the next one of another thread, which comes again in its turn.
/// Delivery at least once, in the order of each thread, allows both. A sink that refuses even that is out of order, and
/// no event is to blame.
///
/// Where it would read a batch, and a thread was deleted, the sink is first told of that, as often as it takes: no event
/// overtakes it.
///
/// ```
/// read ── a thread was deleted ──> erase ── refused ──> pause ──> erase
///   ^                                │
///   └────────────── taken ───────────┘
/// ```
struct SinkPumpStateMachine: Sendable {
    struct Settings: Sendable {
        var retry = SinkRetryPolicy()
        /// Whether the offset is saved.
        var isDurable = false
        /// Whether an event that is refused for good is set aside. Otherwise the sink fails.
        var setsAside = false
        var savedEventCount = 1000
        var savedInterval = Duration.seconds(1)
    }

    enum Action: Hashable {
        /// Read the page after an offset; ``didRead(count:nextOffset:reachesEnd:sinceSave:)``.
        case read(afterOffset: UInt64, atMost: Int)
        /// Give the sink the page; ``didTake(sinceSave:)`` or ``didRefuse(_:refusedFor:isStopping:)``.
        case give
        /// Pause for a random part of the bound; ``didPause(isStopping:)``.
        case pause(upTo: Duration)
        /// Pause for as long as the sink asked; ``didPause(isStopping:)``.
        case pauseFor(Duration)
        /// Give the sink another event, the last that it took if there is one; ``didProbe(_:isStopping:)``.
        case probe
        /// Tell the sink of the first deletion that waits for it; ``didErase(movesPlace:)`` or
        /// ``didRefuseErasure(_:refusedFor:isStopping:)``.
        case erase
        /// Set the only event of the page aside, durably; ``didSetAside(sinceSave:)``.
        case setAside(attempts: Int)
        /// Save the offset, when the sink has done what it took; ``didSave()``, or ``didPostpone()``.
        case save(UInt64)
        /// Everything committed was given. Wait for more, at most this long; ``didWake(isLast:)``.
        case wait(atMost: Duration?)
        case end(Ending)
    }

    enum Ending: Hashable {
        /// Everything was given, and nothing more comes.
        case finished
        /// The sink refused while the runtime stops; a durable one continues at its saved offset after the next start.
        case interrupted
        /// The sink refused for good.
        case failed
        /// The sink asked for nothing more. A durable one continues with the same event after the next start.
        case stopped
    }

    /// The outcome of giving the sink another event than the one that it refuses.
    enum Probe: Hashable {
        case taken
        case refused(SinkRetryAdvice)
        /// There is no other event: nothing that it took is kept, and no other thread has one for it.
        case impossible

        /// Whether another event would tell nothing more.
        var isFinal: Bool {
            switch self {
            case .taken, .refused(.stop), .refused(.after): true
            case .refused(.asUsual), .refused(.never), .refused(.outage), .impossible: false
            }
        }
    }

    /// The largest batch, in events.
    static let maximumBatchCount = 1000
    /// A batch is given whole this often, for a sink that knows a repetition by the batch.
    static let wholeAttempts = 5

    private let settings: Settings
    /// After the last batch that was taken.
    private var offset: UInt64
    private var isUnsaved: Bool
    /// Taken or set aside since the last save.
    private var unsavedCount = 0
    private var hasSetAside = false
    private var nextOffset: UInt64 = 0
    private var reachesEnd = false
    private var isLast = false
    /// The events of the batch that is given.
    private var count = 0
    /// The events of the next batch at most.
    private var limit = SinkPumpStateMachine.maximumBatchCount
    /// The number of the next events that were in a refused batch.
    private var suspectCount = 0
    /// The number of times that the first event of the batch was given and refused, without the refusals that asked for
    /// a time.
    private var attempts = 0
    /// The number of refusals since the sink last took something.
    private(set) var failures = 0
    /// Whether a probe was taken since the batch was last refused.
    private var isProbed = false
    private var afterSave: Action?
    /// Whether the sink is being told of a deletion.
    private var isErasing = false

    /// - Parameter isSaved: whether the offset comes from the store.
    init(_ settings: Settings, offset: UInt64, isSaved: Bool) {
        self.settings = settings
        self.offset = offset
        isUnsaved = settings.isDurable && !isSaved
    }

    /// Whether what is saved now is saved before the end.
    var isEnding: Bool { if case .end? = afterSave { true } else { false } }

    /// A new sink's offset is saved before anything else, so that a crash does not move its beginning.
    mutating func start() -> Action { isUnsaved ? .save(offset) : read() }

    mutating func didRead(count: Int, nextOffset: UInt64, reachesEnd: Bool, sinceSave: Duration) -> Action {
        self.nextOffset = nextOffset
        self.reachesEnd = reachesEnd
        self.count = count
        return count > 0 ? .give : next(sinceSave: sinceSave)
    }

    mutating func didTake(sinceSave: Duration) -> Action { finishBatch(sinceSave: sinceSave) }

    /// - Parameters:
    ///   - refusedFor: how long it is since the first event of the batch was first refused.
    ///   - isStopping: whether the runtime stops; then nothing pauses for long.
    mutating func didRefuse(_ advice: SinkRetryAdvice, refusedFor: Duration, isStopping: Bool) -> Action {
        precondition(count > 0, "only what was given is refused")
        let wasProbed = isProbed
        isProbed = false
        failures += 1
        if isStopping, settings.isDurable { return end(.interrupted) }
        switch advice {
        case .stop:
            return end(.stopped)
        case .after(let pause) where pause > .zero && !isStopping:
            return saving(then: .pauseFor(pause))
        case .never:
            attempts += 1
            if !settings.setsAside { return end(.failed) }
            if count == 1 { return .setAside(attempts: attempts) }
            narrow()
            return read()
        case .outage:
            attempts += 1
            if !settings.isDurable, isPatienceOver(refusedFor, isStopping) { return end(.failed) }
            return pause()
        case .asUsual, .after:
            attempts += 1
            guard settings.isDurable else { return isPatienceOver(refusedFor, isStopping) ? end(.failed) : pause() }
            if count == 1, isPatienceOver(refusedFor, isStopping) {
                guard wasProbed else { return .probe }
                return settings.setsAside ? .setAside(attempts: attempts) : end(.failed)
            }
            if count > 1, attempts >= min(Self.wholeAttempts, settings.retry.maximumAttempts) { narrow() }
            return pause()
        }
    }

    /// - Parameter isStale: whether the batch has events of a thread that was deleted meanwhile: nobody gets these any longer.
    mutating func didPause(isStopping: Bool, isStale: Bool = false) -> Action {
        // It refused before the pause: what is left is for the next start.
        if isStopping, settings.isDurable { return end(.interrupted) }
        if isErasing { return .erase }
        if isStale {
            // The event that was refused may be gone with its thread.
            attempts = 0
            suspectCount = 0
            isProbed = false
            return read()
        }
        return limit < count ? read() : .give
    }

    /// Begins to tell the sink of a deletion, in the place of reading.
    mutating func didFindDeletion() -> Action {
        isErasing = true
        attempts = 0
        return .erase
    }

    /// - Parameter movesPlace: whether the place of the sink is to be saved: it named the thread.
    mutating func didErase(movesPlace: Bool) -> Action {
        precondition(isErasing, "only a sink that was told of a deletion has erased")
        isErasing = false
        attempts = 0
        failures = 0
        guard movesPlace, settings.isDurable else { return read() }
        isUnsaved = true
        return .save(offset)
    }

    /// A deletion is never set aside, and a durable sink does not fail over it.
    mutating func didRefuseErasure(_ advice: SinkRetryAdvice, refusedFor: Duration, isStopping: Bool) -> Action {
        precondition(isErasing, "only a sink that was told of a deletion refuses it")
        failures += 1
        if isStopping, settings.isDurable { return end(.interrupted) }
        switch advice {
        case .stop:
            return end(.stopped)
        case .after(let pause) where pause > .zero && !isStopping:
            return saving(then: .pauseFor(pause))
        case .never where !settings.isDurable:
            return end(.failed)
        case .asUsual, .after, .outage, .never:
            attempts += 1
            if !settings.isDurable, isPatienceOver(refusedFor, isStopping) { return end(.failed) }
            return pause()
        }
    }

    mutating func didProbe(_ probe: Probe, isStopping: Bool) -> Action {
        if isStopping, probe != .taken { return end(.interrupted) }
        switch probe {
        case .taken:
            isProbed = true
            return .give
        case .refused(.stop):
            return end(.stopped)
        case .refused(.after(let pause)) where pause > .zero:
            return saving(then: .pauseFor(pause))
        case .refused, .impossible:
            return pause()
        }
    }

    mutating func didSetAside(sinceSave: Duration) -> Action {
        hasSetAside = true
        return finishBatch(sinceSave: sinceSave)
    }

    mutating func didSave() -> Action {
        isUnsaved = false
        hasSetAside = false
        unsavedCount = 0
        defer { afterSave = nil }
        // Read again even at the end: what came meanwhile is told by a signal, which may be spent.
        return afterSave ?? read()
    }

    /// The sink has something in hand. What it took is saved at the next occasion, after the interval: no sooner, or a sink
    /// that does not get on would be asked without end.
    mutating func didPostpone() -> Action {
        hasSetAside = false
        unsavedCount = 0
        defer { afterSave = nil }
        return afterSave ?? read()
    }

    /// - Parameter isLast: whether nothing more will be committed.
    mutating func didWake(isLast: Bool) -> Action {
        self.isLast = self.isLast || isLast
        return read()
    }

    // MARK: Pieces

    private mutating func next(sinceSave: Duration) -> Action {
        offset = nextOffset
        if isLast, reachesEnd { return end(.finished) }
        let isDue =
            hasSetAside || unsavedCount >= settings.savedEventCount || sinceSave >= settings.savedInterval
        if isUnsaved, isDue { return .save(offset) }
        guard reachesEnd else { return read() }
        return .wait(atMost: isUnsaved ? settings.savedInterval - sinceSave : nil)
    }

    /// As many events as may be given together: of those that were refused no more than a half, and of others twice as
    /// many as last time.
    private func read() -> Action {
        .read(afterOffset: offset, atMost: suspectCount > 0 ? min(limit, suspectCount) : limit)
    }

    private mutating func finishBatch(sinceSave: Duration) -> Action {
        precondition(count > 0, "only what was given is done with")
        unsavedCount += count
        isUnsaved = settings.isDurable
        suspectCount = max(0, suspectCount - count)
        if suspectCount == 0 { limit = min(2 * limit, Self.maximumBatchCount) }
        count = 0
        attempts = 0
        failures = 0
        isProbed = false
        return next(sinceSave: sinceSave)
    }

    /// In halves, and the halves again, so that one bad event among a thousand costs twenty calls.
    private mutating func narrow() {
        suspectCount = count
        limit = (count + 1) / 2
    }

    private func isPatienceOver(_ refusedFor: Duration, _ isStopping: Bool) -> Bool {
        // While the runtime stops nothing pauses: what is left is the count.
        attempts >= settings.retry.maximumAttempts
            && (isStopping || refusedFor >= settings.retry.minimumRefusalTime)
    }

    private mutating func pause() -> Action {
        saving(then: .pause(upTo: settings.retry.pauseBound(afterFailures: attempts)))
    }

    /// A pause may be long: what was taken before it is saved first.
    private mutating func saving(then action: Action) -> Action {
        guard isUnsaved else { return action }
        afterSave = action
        return .save(offset)
    }

    private mutating func end(_ ending: Ending) -> Action { saving(then: .end(ending)) }
}
