/// Checks whether a durable sink can continue where it was: whether the log still has the events that the sink has.
///
/// A log that survives the end of the process may lose its last events with the power. A sink that had some of them
/// goes back to the last event that both have. The events of the log after that one are others, in part under the same
/// numbers: their ids tell them apart.
struct SinkPlaceCheck: Sendable {
    /// The sink's name.
    let name: String
    let log: any EventLog
    let opening: LogOpening

    struct Outcome: Hashable, Sendable {
        /// The place where the sink continues.
        var place: SinkOffset
        /// Whether the log lost events that the sink has.
        var isDiverged: Bool
    }

    /// - Throws: ``SinkError`` `sink.offset_unknown` when nothing can be said, or why the log could not be read.
    func check(_ stored: SinkOffset) async throws -> Outcome {
        if let last = stored.last, try await !isKept(last) {
            return Outcome(place: try await end(ofGeneration: last.id.generation), isDiverged: true)
        }
        guard stored.offset <= opening.endOffset else {
            throw SinkError(
                .offsetUnknown,
                "the sink \(name) is at offset \(stored.offset), the log ends at \(opening.endOffset): it lost events that the "
                    + "sink has, or is another log")
        }
        return Outcome(place: stored, isDiverged: false)
    }

    private func isKept(_ mark: SinkOffset.Mark) async throws -> Bool {
        // What was deleted was not lost, and its id is never used again.
        if let deleting = log as? any DeletingEventLog, try await deleting.deletion(of: mark.thread) != nil {
            return true
        }
        let page = try await log.read(LogRead(.thread(mark.thread, after: mark.id.sequence - 1), maximumCount: 1))
        if !page.skipsTrimmed { return page.events.first?.id == mark.id }
        // What was trimmed was not lost; but generations rise with the numbers, so one that is higher is of another
        // history.
        var oldest = page.events.first?.id
        if oldest == nil { oldest = try await log.thread(mark.thread)?.head }
        return mark.id.generation <= oldest?.generation ?? 0
    }

    /// The place after the last event of a generation or an earlier one: the events of later ones took the place of
    /// lost ones. No event of this opening was given to the sink before, whatever its generation.
    private func end(ofGeneration generation: UInt64) async throws -> SinkOffset {
        var place = SinkOffset(0)
        var maximumCount: Int?
        while true {
            var request = LogRead(.all(afterOffset: place.offset))
            if let maximumCount { request.maximumCount = maximumCount }
            let page = try await log.read(request)
            let count = page.events.prefix {
                $0.id.generation <= generation && $0.id.generation != opening.generation
            }.count
            if count == page.events.count {
                place = SinkOffset(page.nextOffset, last: page.events.last.map { .init($0) } ?? place.last)
                if page.reachesEnd { return place }
                maximumCount = nil
            } else if count == 0 {
                return place
            } else {
                // Only of a whole page it is told where it ends. When it is read, some may have been trimmed, and it
                // may go further.
                maximumCount = count
            }
        }
    }
}
