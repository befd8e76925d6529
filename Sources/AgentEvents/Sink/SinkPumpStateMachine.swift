/// What the pump of a sink does next: read, give, pause, take a batch apart, set an event aside, save the offset, wait.
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
        /// Read the page behind an offset; ``didRead(count:nextOffset:reachesEnd:sinceSave:)``.
        case read(afterOffset: UInt64)
        /// Give the sink these events of the page; ``didTake(sinceSave:)`` or ``didRefuse(_:isStopping:)``.
        case give(Range<Int>)
        /// Pause for a random part of the bound; ``didPause()``.
        case pause(upTo: Duration)
        /// Pause for as long as the sink asked; ``didPause()``.
        case pauseFor(Duration)
        /// Set this event of the page aside, durably; ``didSetAside(sinceSave:)``.
        case setAside(Int, attempts: Int)
        /// Save the offset; ``didSave()``.
        case save(UInt64)
        /// Everything committed was given. Wait for more, at most so long; ``didWake(isLast:)``.
        case wait(atMost: Duration?)
        case end(Ending)
    }

    enum Ending: Hashable {
        /// Everything was given, and nothing more comes.
        case finished
        /// The sink refused while the runtime stops; a durable one goes on at its saved offset after the next start.
        case interrupted
        /// The sink refused for good.
        case failed
    }

    private let settings: Settings
    /// Behind the last page that was taken.
    private var offset: UInt64
    private var isUnsaved: Bool
    /// Taken or set aside since the last save.
    private var unsavedCount = 0
    private var hasSetAside = false
    private var nextOffset: UInt64 = 0
    private var reachesEnd = false
    private var isLast = false
    /// What is left of the page, the next piece last.
    private var pieces: [Range<Int>] = []
    private var isTakenApart = false
    private var attempts = 0
    /// How often the sink has refused since it last took something.
    private(set) var failures = 0
    private var endingAfterSave: Ending?

    /// - Parameter isSaved: whether the offset comes from the store.
    init(_ settings: Settings, offset: UInt64, isSaved: Bool) {
        self.settings = settings
        self.offset = offset
        isUnsaved = settings.isDurable && !isSaved
    }

    /// A new sink's offset is saved before anything else, so that a crash does not move its beginning.
    mutating func start() -> Action { isUnsaved ? .save(offset) : .read(afterOffset: offset) }

    mutating func didRead(count: Int, nextOffset: UInt64, reachesEnd: Bool, sinceSave: Duration) -> Action {
        self.nextOffset = nextOffset
        self.reachesEnd = reachesEnd
        pieces = count == 0 ? [] : [0..<count]
        isTakenApart = false
        return next(sinceSave: sinceSave)
    }

    mutating func didTake(sinceSave: Duration) -> Action {
        dropPiece()
        return next(sinceSave: sinceSave)
    }

    /// - Parameter isStopping: whether the runtime stops; then nothing pauses for long.
    mutating func didRefuse(_ advice: SinkRetryAdvice, isStopping: Bool) -> Action {
        guard let piece = pieces.last else { preconditionFailure("only what was given is refused") }
        failures += 1
        if isStopping, settings.isDurable { return end(.interrupted) }
        switch advice {
        case .after(let pause) where pause > .zero && !isStopping:
            return .pauseFor(pause)
        case .asUsual, .after:
            attempts += 1
            let isRefusedForGood = attempts >= settings.retry.maximumAttempts || (isTakenApart && piece.count > 1)
            if !isRefusedForGood { return .pause(upTo: settings.retry.pauseBound(afterFailures: attempts)) }
        case .never:
            attempts += 1
        }
        if !settings.setsAside { return end(.failed) }
        if piece.count == 1 { return .setAside(piece.lowerBound, attempts: attempts) }
        takeApart(piece)
        return give()
    }

    mutating func didPause() -> Action { give() }

    mutating func didSetAside(sinceSave: Duration) -> Action {
        hasSetAside = true
        dropPiece()
        return next(sinceSave: sinceSave)
    }

    mutating func didSave() -> Action {
        isUnsaved = false
        hasSetAside = false
        unsavedCount = 0
        if let endingAfterSave { return .end(endingAfterSave) }
        // Read again even at the end: what came meanwhile is told by a signal, which may be spent.
        return .read(afterOffset: offset)
    }

    /// - Parameter isLast: whether nothing more will be committed.
    mutating func didWake(isLast: Bool) -> Action {
        self.isLast = self.isLast || isLast
        return .read(afterOffset: offset)
    }

    // MARK: Pieces

    private mutating func next(sinceSave: Duration) -> Action {
        if !pieces.isEmpty { return give() }
        offset = nextOffset
        if isLast, reachesEnd { return end(.finished) }
        let isDue =
            hasSetAside || unsavedCount >= settings.savedEventCount || sinceSave >= settings.savedInterval
        if isUnsaved, isDue { return .save(offset) }
        guard reachesEnd else { return .read(afterOffset: offset) }
        return .wait(atMost: isUnsaved ? settings.savedInterval - sinceSave : nil)
    }

    private func give() -> Action {
        guard let piece = pieces.last else { preconditionFailure("there is a piece to give") }
        return .give(piece)
    }

    private mutating func dropPiece() {
        guard let piece = pieces.popLast() else { preconditionFailure("only what was given is done with") }
        unsavedCount += piece.count
        isUnsaved = settings.isDurable
        attempts = 0
        failures = 0
    }

    /// In halves, and the halves again, so that one bad event among a thousand costs twenty calls.
    private mutating func takeApart(_ piece: Range<Int>) {
        let middle = piece.lowerBound + piece.count / 2
        pieces.removeLast()
        pieces += [middle..<piece.upperBound, piece.lowerBound..<middle]
        isTakenApart = true
        attempts = 0
    }

    private mutating func end(_ ending: Ending) -> Action {
        // Of a page that is not done, what was taken comes again.
        guard isUnsaved else { return .end(ending) }
        endingAfterSave = ending
        return .save(offset)
    }
}
