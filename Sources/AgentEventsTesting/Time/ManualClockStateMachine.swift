/// Keeps the sleepers of a clock that stands still, and the watchers that wait for sleepers.
///
///     a sleeper:   made ── sleep ──> asleep ── advance to its deadline, or cancel ──> awake
///                    ├── sleep, the time has come ──> awake
///                    └── cancel ──> cancelled ── sleep ──> awake
///     a watcher:   made ── watch ──> waiting ── its condition is met, or cancel ──> resumed
///                    └── watch, its condition is met ──> resumed
struct ManualClockStateMachine<Sleeper, Watcher> {
    enum SleepAction {
        case sleep
        /// The time has come already.
        case wake
        /// The sleeper was cancelled before it fell asleep.
        case cancel
    }

    /// The condition of a watcher.
    enum Condition {
        /// This number of tasks sleep.
        case sleepers(Int)
        /// A task sleeps for this time from now.
        case sleep(Duration)
    }

    private(set) var now: Duration = .zero
    private var sleepers: [UInt64: (deadline: Duration, sleeper: Sleeper)] = [:]
    private var watchers: [UInt64: (condition: Condition, watcher: Watcher)] = [:]
    private var cancelled: Set<UInt64> = []
    private var lastNumber: UInt64 = 0

    var sleeperCount: Int { sleepers.count }

    /// A number for a sleeper or a watcher to come.
    mutating func makeNumber() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    /// - Returns: what the sleeper does, and the watchers that have waited for it.
    mutating func sleep(
        _ number: UInt64,
        until deadline: Duration,
        _ sleeper: Sleeper
    ) -> (action: SleepAction, watchers: [Watcher]) {
        guard cancelled.remove(number) == nil else { return (.cancel, []) }
        guard deadline > now else { return (.wake, []) }
        sleepers[number] = (deadline, sleeper)
        let ready = watchers.filter { isMet($0.value.condition) }
        for number in ready.keys { watchers[number] = nil }
        return (.sleep, ready.values.map(\.watcher))
    }

    /// - Returns: the sleeper to resume; `nil` when it has not fallen asleep yet, or is awake.
    mutating func cancelSleeper(_ number: UInt64) -> Sleeper? {
        if let entry = sleepers.removeValue(forKey: number) { return entry.sleeper }
        cancelled.insert(number)
        return nil
    }

    /// The sleeper of this number is awake: what was remembered of it is forgotten.
    mutating func forget(_ number: UInt64) { cancelled.remove(number) }

    /// - Returns: whether the watcher has to wait.
    mutating func watch(_ number: UInt64, _ condition: Condition, _ watcher: Watcher) -> SleepAction {
        guard cancelled.remove(number) == nil else { return .cancel }
        guard !isMet(condition) else { return .wake }
        watchers[number] = (condition, watcher)
        return .sleep
    }

    private func isMet(_ condition: Condition) -> Bool {
        switch condition {
        case .sleepers(let count): sleepers.count >= count
        case .sleep(let duration): sleepers.values.contains { $0.deadline == now + duration }
        }
    }

    mutating func cancelWatcher(_ number: UInt64) -> Watcher? {
        if let entry = watchers.removeValue(forKey: number) { return entry.watcher }
        cancelled.insert(number)
        return nil
    }

    /// - Returns: the sleepers whose time has come, the earliest first.
    mutating func advance(to time: Duration) -> [Sleeper] {
        now = max(now, time)
        let due = sleepers.filter { $0.value.deadline <= now }
            .sorted { ($0.value.deadline, $0.key) < ($1.value.deadline, $1.key) }
        for entry in due { sleepers[entry.key] = nil }
        return due.map(\.value.sleeper)
    }
}
