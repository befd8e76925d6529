import AgentEvents

extension [UInt8] {
    /// Appends how many gaps there are, and of each how many ids are between the one before and it, and how wide it is.
    mutating func append(gaps: [RisingIDs.Gap]) {
        append(number: UInt64(gaps.count))
        var position = 0
        for gap in gaps {
            append(number: UInt64(gap.position - position))
            append(number: gap.width)
            position = gap.position
        }
    }
}

extension ByteReader {
    /// Gaps as they were appended; `nil` where they end too early.
    mutating func gaps() -> [RisingIDs.Gap]? {
        guard let count = number() else { return nil }
        var gaps: [RisingIDs.Gap] = []
        var position = 0
        for _ in 0..<count {
            guard let distance = number(), let width = number(), let distance = Int(exactly: distance) else {
                return nil
            }
            let next = position.addingReportingOverflow(distance)
            guard !next.overflow else { return nil }
            position = next.partialValue
            gaps.append(RisingIDs.Gap(position: position, width: width))
        }
        return gaps
    }
}
