/// Counts the tokens that each user has used on the day that it is, in UTC, by the times of events. Of days that are over nothing is
/// kept, but for the day before: a clock that was ahead may come back to it.
///
/// ```
///             begin, on the day of the opening                  didRead
///   unknown ──────────────────────────────────────> reading ─────────────> known
///      │  ^                                            │ failed              ^
///      │  └────────────────────────────────────────────┘                     │
///      └── begin on a later day (nothing was used before); didReport ────────┘
/// ```
///
/// Tokens that were used before the log was opened are read from it, once for each user, and only on the day of the opening; later ones
/// are reported here.
struct TokenBudgetStateMachine: Sendable {
    enum BeginAction: Hashable {
        case known
        /// The caller reads what the user has used on this day.
        case read(since: Timestamp)
        /// Somebody else reads it.
        case wait
    }

    private struct Use {
        var day: Int64
        var tokens: Int64
    }

    private var openedDay: Int64 = .min
    private var newestDay: Int64 = .min
    private var uses: [UserID: Use] = [:]
    private var reading: Set<UserID> = []

    /// The number of users who are counted: those of two days.
    var count: Int { uses.count }

    /// The log is opened.
    mutating func open(at time: Timestamp) { openedDay = time.utcDay }

    mutating func begin(_ user: UserID, at time: Timestamp) -> BeginAction {
        if reading.contains(user) { return .wait }
        guard uses[user] == nil, time.utcDay <= openedDay else { return .known }
        reading.insert(user)
        return .read(since: Timestamp(utcDay: time.utcDay))
    }

    func isReading(_ user: UserID) -> Bool { reading.contains(user) }

    /// `true` when nothing has to be read for a user.
    func isKnown(_ user: UserID, at time: Timestamp) -> Bool {
        !reading.contains(user) && (uses[user] != nil || time.utcDay > openedDay)
    }

    /// The log was read.
    ///
    /// - Parameters:
    ///   - tokens: those used since a time; `nil` when it could not be read.
    mutating func didRead(_ tokens: Int64?, of user: UserID, since start: Timestamp) {
        guard reading.remove(user) != nil else { preconditionFailure("what is used is read by one at a time") }
        if let tokens { didReport(tokens, of: user, at: start) }
    }

    /// Tokens were used. Those of a day before the newest one of their user count with that: the clock was ahead, and too much is
    /// safer than nothing.
    mutating func didReport(_ tokens: Int64, of user: UserID, at time: Timestamp) {
        let day = time.utcDay
        if day > newestDay {
            newestDay = day
            uses = uses.filter { $0.value.day >= day - 1 }
        }
        guard let use = uses[user], use.day >= day else {
            uses[user] = Use(day: day, tokens: tokens)
            return
        }
        uses[user]?.tokens = TokenUsage.sum(use.tokens, tokens)
    }

    /// The tokens that a user has used on the day of a time.
    func tokens(of user: UserID, at time: Timestamp) -> Int64 {
        // A clock that was set back makes no new day.
        guard let use = uses[user], use.day >= time.utcDay else { return 0 }
        return use.tokens
    }
}

extension Timestamp {
    private static let millisecondsOfDay: Int64 = 24 * 60 * 60 * 1000

    /// The number of its day in UTC; 0 for 1 January 1970.
    var utcDay: Int64 {
        let (day, rest) = milliseconds.quotientAndRemainder(dividingBy: Self.millisecondsOfDay)
        return rest < 0 ? day - 1 : day
    }

    /// The beginning of a day in UTC.
    init(utcDay: Int64) { self.init(milliseconds: utcDay * Self.millisecondsOfDay) }
}
