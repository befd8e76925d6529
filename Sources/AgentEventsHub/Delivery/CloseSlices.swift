/// Decides when each connection of an event loop is closed, when a service stops within a time and not at once.
package struct CloseSlices: Hashable, Sendable {
    /// The time over which they are closed, in milliseconds; at least 1.
    package var windowMilliseconds: Int64

    /// The time between two slices: short enough for nobody to notice, long enough for a few timers.
    package static let intervalMilliseconds: Int64 = 100

    package init(windowMilliseconds: Int64) { self.windowMilliseconds = max(1, windowMilliseconds) }

    /// The slices: each connection is in one of them, and they are as even as they can be.
    ///
    /// - Parameter count: how many connections there are.
    /// - Returns: for each slice that is not empty the milliseconds after which it is closed, from 0 to below the window, and the
    ///   indices in it, both rising.
    package func slices(of count: Int) -> [(delay: Int64, indices: Range<Int>)] {
        let (rounded, rest) = windowMilliseconds.quotientAndRemainder(dividingBy: Self.intervalMilliseconds)
        let sliceCount = min(Int(clamping: rounded + (rest > 0 ? 1 : 0)), count)
        guard sliceCount > 0 else { return [] }
        return (0..<sliceCount).map { slice in
            (
                delay: Int64(Double(windowMilliseconds) * Double(slice) / Double(sliceCount)),
                indices: slice * count / sliceCount..<(slice + 1) * count / sliceCount
            )
        }
    }
}
