import Synchronization

/// Whether a thread belongs to the user of a context: where other processes write the log too, a thread without events
/// belongs to the user whose event is the first one there.
///
/// ```
/// presumed ──┬── the log has an event of the user ─────> confirmed
///            └── the log has one of another user ──────> foreign
///
/// presumed, confirmed ── the thread was deleted ──> gone
/// ```
///
/// Where this process is the only writer it is confirmed from the beginning.
enum ThreadOwnership: UInt8, AtomicRepresentable {
    case presumed, confirmed, foreign, gone

    /// Whether the context is that of the thread, as far as is known.
    var isKept: Bool { self == .presumed || self == .confirmed }
}
