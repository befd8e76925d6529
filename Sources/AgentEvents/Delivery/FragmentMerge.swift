/// Joins fragments for a reader that is behind: the adjacent ones of one message, or of one thought, become one event.
///
/// The merged event is the last one's, `id`, `seq` and `time` included; it has `from_seq`, and the texts of all. Nothing is
/// decoded: the bytes between the quotation marks are joined as they stand. What is no fragment in the form of
/// ``EventEncoder``, or is not adjacent, passes with its bytes unchanged.
package enum FragmentMerge {
    /// The largest merged event, in bytes, unless told otherwise.
    package static var defaultMaximumByteCount: Int { 64 * 1024 }

    /// - Parameters:
    ///   - events: committed events of one thread, in order.
    ///   - maximumByteCount: the largest merged event, in bytes. An event that was larger before passes unchanged.
    /// - Returns: events that stand for the same sequences, in order: each starts where the one before ended, plus one, if
    ///   that is so of those given.
    package static func merging(
        _ events: some Collection<StoredEvent>, maximumByteCount: Int = defaultMaximumByteCount
    ) -> [MergedEvent] {
        var merged: [MergedEvent] = []
        merged.reserveCapacity(events.underestimatedCount)
        var run: FragmentRun?
        for event in events {
            guard let layout = FragmentLayout(event) else {
                if let run { merged.append(run.merged) }
                run = nil
                merged.append(MergedEvent(firstSequence: event.id.sequence, event: event))
                continue
            }
            if run?.append(event, layout, maximumByteCount: maximumByteCount) != true {
                if let run { merged.append(run.merged) }
                run = FragmentRun(event, layout)
            }
        }
        if let run { merged.append(run.merged) }
        return merged
    }
}
