/// Computes when the clients of a service that stops may come back, so that they do not come all at once.
package struct ReconnectSpread: Hashable, Sendable {
    /// The longest that a client is asked to wait, in milliseconds.
    package var maximumMilliseconds: Int64
    /// The number of event loops that have clients of their own.
    package var loopCount: Int

    package init(maximumMilliseconds: Int64, loopCount: Int) {
        self.maximumMilliseconds = maximumMilliseconds
        self.loopCount = loopCount
    }

    /// The milliseconds between two clients, unless there are more clients than the longest wait has room for:
    /// few clients need not wait for long.
    package static let millisecondsPerClient: Int64 = 10

    /// - Parameters:
    ///   - index: the client's number on its event loop, from 0.
    ///   - count: how many clients the event loop has.
    ///   - fraction: random, from 0 to below 1, so that loops do not keep step.
    /// - Returns: from 0 to ``maximumMilliseconds``, evenly spread over the clients of the loop.
    package func milliseconds(_ index: Int, of count: Int, fraction: Double) -> Int64 {
        let (wanted, isOver) = Self.millisecondsPerClient.multipliedReportingOverflow(by: Int64(count * loopCount))
        let width = isOver ? maximumMilliseconds : min(maximumMilliseconds, wanted)
        return min(maximumMilliseconds, Int64(Double(width) * (Double(index) + fraction) / Double(max(count, 1))))
    }
}
