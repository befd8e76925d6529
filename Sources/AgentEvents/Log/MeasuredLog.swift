/// A log that tells how large it is, and how long it takes to make commits safe.
public protocol MeasuredLog: EventLog {
    /// The number of bytes that its events take, approximately; 0 while it is not open. It does not block, and may be asked
    /// from any task.
    var eventByteCount: Int64 { get }

    /// Has each flush to the disk measured from now on. A later call takes the place of an earlier one.
    ///
    /// - Parameter observe: called after each flush that succeeded, by the thread that flushed, which waits for it.
    func observeFlushes(_ observe: @escaping @Sendable (_ duration: Duration) -> Void)
}
