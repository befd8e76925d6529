/// The part of a thread in memory that planning a commit needs. It is apart from ``ThreadSlot`` because it has no
/// references: for each event of a commit it is looked at several times, at the price of some words.
struct PlannedThread: Sendable {
    let number: UInt64
    /// The last sequence of the commit planned last.
    var sequence: UInt64
    /// Whether the index file has a row of the thread.
    var isStored: Bool
}
