/// A sink that does not have everything done that it took: it gathers, and sends in batches of its own.
///
/// The place of a ``DurableSink`` moves only past what is done, so that nothing of it is lost with the process.
public protocol SettlingSink: EventSink {
    /// Finishes what the sink took and has not done yet. Called by the task that gives the sink its events, before the place
    /// of a ``DurableSink`` is saved: at the latest ``DurableSink/savedInterval`` after something was taken.
    ///
    /// - Parameter isStopping: whether this is the last call: the sink gets nothing more in this process, and its end waits for
    ///   the call. It may come in a cancelled task.
    /// - Returns: whether everything taken is done. Otherwise the place is not saved, and the sink is asked again after the
    ///   interval, or starts at the old place after the next start.
    func settle(isStopping: Bool) async -> Bool
}
