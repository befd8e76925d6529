/// A classic bug, put into the simulated shells so that the simulation can prove that it would find it. Nothing in the
/// machines themselves knows of it.
package enum SeededBug: String, CaseIterable, Sendable {
    /// An emission is acknowledged when it is accepted.
    case acknowledgedBeforeCommit = "acknowledged-before-commit"
    /// A subscription is live although one event lies between its cursor and the head.
    case liveOneEventEarly = "live-one-event-early"
    /// What is committed while a connection is full is not sent, and not read later.
    case droppedOnOverflow = "dropped-on-overflow"
    /// A cursor is looked up by its number alone.
    case generationNotCompared = "generation-not-compared"
    /// A log counts its openings, so that a copy that takes its place uses a generation again.
    case generationsCounted = "generations-counted"
    /// A subscription begins with the event behind the next one.
    case resumedOffByOne = "resumed-off-by-one"
    /// An `unsubscribe` that overtakes the look-up of its `subscribe` takes the answer of that away.
    case answerDropped = "answer-dropped"
    /// An `emit` overtakes the look-up of a `subscribe` that came before it.
    case emissionOvertakes = "emission-overtakes"
}
