/// The offsets of events that were lost. No other event is given one of them: a reader that was beyond the loss would take
/// what is written there for what it had.
///
/// The log in memory is made again out of what is kept, and counts without gaps; this is between its offsets and those that
/// are told.
struct LostOffsets {
    private struct Gap {
        /// The offset in the log that was made again, from which on others are told.
        var position: UInt64
        var count: UInt64
    }

    private var gaps: [Gap] = []

    /// The offset that stands for one of the log.
    func told(_ position: UInt64) -> UInt64 {
        gaps.reduce(position) { $1.position < position ? $0 + $1.count : $0 }
    }

    /// The end of the log, after everything that was lost.
    func end(_ position: UInt64) -> UInt64 { gaps.reduce(position) { $0 + $1.count } }

    /// The offset in the log that another one stands for; of one that was lost, where the loss begins.
    func position(_ told: UInt64) -> UInt64 {
        var shift: UInt64 = 0
        for gap in gaps {
            if told <= gap.position + shift { break }
            if told <= gap.position + shift + gap.count { return gap.position }
            shift += gap.count
        }
        return told - shift
    }

    /// The last events are lost.
    ///
    /// - Parameters:
    ///   - end: how many events the log had.
    ///   - kept: how many it has.
    mutating func lose(from end: UInt64, keeping kept: UInt64) {
        let last = self.end(end)
        gaps.removeAll { $0.position >= kept }
        gaps.append(Gap(position: kept, count: last - self.end(kept)))
    }
}
