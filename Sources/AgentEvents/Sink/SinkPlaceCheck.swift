/// Finds out whether a durable sink can go on where it was: whether the log still has what the sink has.
///
/// A log that survives the end of the process may lose its last events with the power. A sink that had some of them goes
/// back to the last event that both have. What the log has behind it are other events, in part under the same numbers: an
/// id tells them apart.
struct SinkPlaceCheck: Sendable {
    /// The sink's name.
    let name: String
    let log: any EventLog
    let endOffset: UInt64

    struct Outcome: Hashable, Sendable {
        /// Where the sink goes on.
        var place: SinkOffset
        /// Whether the log lost events that the sink has.
        var isDiverged: Bool
    }

    /// - Throws: ``SinkError`` `sink.offset_unknown` when nothing can be said, or why the log could not be read.
    func check(_ stored: SinkOffset) async throws -> Outcome {
        if let last = stored.last, try await !isKept(last) {
            return Outcome(place: try await end(ofGeneration: last.id.generation), isDiverged: true)
        }
        guard stored.offset <= endOffset else {
            throw SinkError(
                .offsetUnknown,
                "the sink \(name) is at offset \(stored.offset), the log ends at \(endOffset): it lost events that the "
                    + "sink has, or is another log")
        }
        return Outcome(place: stored, isDiverged: false)
    }

    private func isKept(_ mark: SinkOffset.Mark) async throws -> Bool {
        let page = try await log.read(LogRead(.thread(mark.thread, after: mark.id.sequence - 1), maximumCount: 1))
        // What was trimmed was not lost.
        return page.skipsTrimmed || page.events.first?.id == mark.id
    }

    /// Behind the last event of a generation or an earlier one: what a later one wrote took the place of what was lost.
    private func end(ofGeneration generation: UInt64) async throws -> SinkOffset {
        var place = SinkOffset(0)
        while true {
            let page = try await log.read(LogRead(.all(afterOffset: place.offset)))
            let count = page.events.prefix { $0.id.generation <= generation }.count
            if count == page.events.count {
                place = SinkOffset(page.nextOffset, last: page.events.last.map { .init($0) } ?? place.last)
                if page.reachesEnd { return place }
            } else if count == 0 {
                return place
            } else {
                let part = try await log.read(LogRead(.all(afterOffset: place.offset), maximumCount: count))
                return SinkOffset(part.nextOffset, last: .init(page.events[count - 1]))
            }
        }
    }
}
