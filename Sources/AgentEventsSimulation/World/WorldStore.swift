import AgentEvents

/// What outlives the processes of a world: a log that the next process opens again, with what a crash does to it. Each
/// operation is called by the process that runs, through its ``CrashingLog``.
protocol WorldStore: EventLog, StateStore, TrimmableLog {
    var witness: LogWitness { get }
    /// How much of the log's own work waits for its turn.
    var waitingCount: Int { get }
    /// Does the next piece of it.
    func doNext()
    /// Whether the process cannot go on, and has to be killed.
    var isStopped: Bool { get }
    /// Something that the process does with the disk from now on fails.
    ///
    /// - Returns: whether there is a disk.
    func failLater(_ random: inout SimulationRandom) -> Bool
    /// The process is gone.
    ///
    /// - Parameter isOrderly: whether it came to its end by itself.
    func endProcess(isOrderly: Bool, _ random: inout SimulationRandom)
    /// The machine loses power, after the process has ended.
    func losePower(_ random: inout SimulationRandom)
    /// Whether events may have been lost since the last call.
    func takeLoss() -> Bool
    /// Nothing fails any longer.
    func settle()
}

/// The log that a world has; its seed says which.
enum StoreKind {
    /// The log in files, on a disk that loses what a real one may lose.
    case files
    case memory
    /// A log that another process writes, too.
    case contended

    init(seed: UInt64) {
        var random = SimulationRandom(seed: seed, 5, 0)
        if random.once(in: 2) { self = .files } else { self = random.once(in: 2) ? .memory : .contended }
    }
}
