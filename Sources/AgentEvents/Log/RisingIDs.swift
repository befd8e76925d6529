/// The ids of a request's events, as a log keeps them: of one generation, and rising.
///
/// They rise by one, except where an event in between closed what one of them ended. So a few numbers say them all.
package struct RisingIDs: Hashable, Sendable {
    /// Numbers that other events have.
    package struct Gap: Hashable, Sendable {
        /// The number of ids before it; at least one.
        package let position: Int
        /// The number of missing numbers; at least one.
        package let width: UInt64

        package init(position: Int, width: UInt64) {
            self.position = position
            self.width = width
        }
    }

    package let first: EventID
    package let count: Int
    /// In order.
    package let gaps: [Gap]

    /// - Returns: `nil` when there are no ids, or when they do not rise within a generation.
    package init?(_ ids: [EventID]) {
        guard let first = ids.first else { return nil }
        var gaps: [Gap] = []
        var previous = first.sequence
        for (position, id) in ids.enumerated().dropFirst() {
            guard id.generation == first.generation, id.sequence > previous else { return nil }
            let width = id.sequence - previous - 1
            if width > 0 { gaps.append(Gap(position: position, width: width)) }
            previous = id.sequence
        }
        (self.first, count, self.gaps) = (first, ids.count, gaps)
    }

    /// The ids as they were stored.
    ///
    /// - Returns: `nil` when it cannot have been made of ids.
    package init?(first: EventID, count: Int, gaps: [Gap]) {
        guard count > 0 else { return nil }
        var last = first.sequence.addingReportingOverflow(UInt64(count) - 1)
        var position = 0
        for gap in gaps {
            guard !last.overflow, gap.position > position, gap.position < count, gap.width > 0 else { return nil }
            position = gap.position
            last = last.partialValue.addingReportingOverflow(gap.width)
        }
        guard !last.overflow else { return nil }
        (self.first, self.count, self.gaps) = (first, count, gaps)
    }

    /// All of them.
    package var ids: [EventID] {
        var ids: [EventID] = []
        ids.reserveCapacity(count)
        var rest = gaps[...]
        var skipped: UInt64 = 0
        for position in 0..<count {
            if let gap = rest.first, gap.position == position {
                skipped += gap.width
                rest.removeFirst()
            }
            ids.append(EventID(generation: first.generation, sequence: first.sequence + UInt64(position) + skipped))
        }
        return ids
    }
}
