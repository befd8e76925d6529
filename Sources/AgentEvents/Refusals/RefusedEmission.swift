/// An emission that its thread refused, as those who may read the thread are told of it: at which event, why, and what would
/// have been legal. It is in no log (I4).
package struct RefusedEmission: Hashable, Sendable {
    /// The longest text that is kept of a message or a state, in bytes.
    package static let maximumTextByteCount = 1024
    /// The largest event that is kept, encoded, in bytes; of larger ones their size is.
    package static let maximumEventByteCount = 1024

    /// When it was refused, the first time.
    package var time: Timestamp
    /// The last event that the thread had accepted; `nil` for none.
    package var head: EventID?
    /// The rule that was broken, or what else was wrong, by its code.
    package var code: String
    /// The problem, in one sentence, without the state and what was legal.
    package var message: String
    /// The run, its state in words, and the types that were legal; `nil` where no rule of order was broken.
    package var order: Order?
    /// The type of the event at fault, by its name on the wire; `nil` when no single event is.
    package var eventType: String?
    /// The run that the event at fault names.
    package var run: RunID?
    /// The event as it was asked for, in JSON; `nil` for one that is too large or cannot be written.
    package var event: [UInt8]?
    /// The size of the event at fault, encoded; `nil` for one that cannot be written.
    package var eventByteCount: Int?
    /// The place of the event at fault among those of the emission, from 0.
    package var index: Int?
    /// The number of events of the emission, all of which were refused with it.
    package var count: Int
    /// The user who sent it; `nil` for code in the process.
    package var author: UserID?
    /// The number of times in a row that the same was refused; ``lastTime`` is the last of them.
    package var times = 1
    package var lastTime: Timestamp

    package struct Order: Hashable, Sendable {
        package var state: String
        package var legal: [String]

        package init(state: String, legal: [String]) {
            self.state = state
            self.legal = legal
        }
    }

    /// - Parameters:
    ///   - drafts: all events of the emission.
    ///   - index: of the one at fault; `nil` when no single one is.
    ///   - head: the last event that was accepted before.
    package init(
        _ error: AgentEventsError,
        of drafts: [EventDraft],
        at index: Int?,
        by author: UserID?,
        head: EventID?,
        time: Timestamp
    ) {
        self.time = time
        self.head = head
        code = error.code.rawValue
        message = (error.violation?.problem ?? error.message).prefix(maximumByteCount: Self.maximumTextByteCount)
        order = error.violation.map {
            Order(state: $0.state.prefix(maximumByteCount: Self.maximumTextByteCount), legal: $0.legal)
        }
        count = drafts.count
        self.index = index
        self.author = author
        lastTime = time
        guard let index, drafts.indices.contains(index) else { return }
        let draft = drafts[index]
        eventType = draft.payload.typeName.prefix(maximumByteCount: Self.maximumTextByteCount)
        run = draft.runID
        // One that cannot be written has no size.
        guard let bytes = try? EventEncoder.encode(draft) else { return }
        eventByteCount = bytes.count
        if bytes.count <= Self.maximumEventByteCount { event = Array(bytes) }
    }

    /// Whether all but the times is equal to that of another refusal of the same thread.
    func repeats(_ other: RefusedEmission) -> Bool {
        var same = self
        (same.time, same.lastTime, same.times) = (other.time, other.lastTime, other.times)
        return same == other
    }
}

extension AgentEventsError {
    /// Whether the emission was refused because of its events, or because there was no room for them. `false` for a refused key, a
    /// failure of the log or the runtime, and a thread that is deleted or another user's.
    var isOfEvents: Bool {
        switch code.value {
        case .order, .wire, .storageLimit, .storageFull, .approvalUnknown, .approvalResolved, .approvalExpired,
            .approvalForbidden, .approvalDataInvalid, .leaseLost, .stateConflict, .stateForbidden, .stateTooManyKeys,
            .stateValueTooLarge:
            true
        case .threadForbidden, .threadDeleted, .deletionUnsupported, .cursorDiverged, .cursorTrimmed, .cursorUnknown,
            .retentionUnsupported, .notRunning, .runDeadline, .toolTimedOut, .emptyBatch, .keyConflict, .runUnknown,
            .runNotStarted, .runNotOpen, .runPaused, .commandUnsupported, .commandInvalid, .stateUnknownSpace, .log,
            .sink:
            false
        }
    }
}

extension String {
    /// The text, or as much of its beginning as fits, whole characters of it, with an ellipsis.
    fileprivate func prefix(maximumByteCount: Int) -> String {
        guard utf8.count > maximumByteCount else { return self }
        let ellipsis = "…"
        var end = utf8.index(startIndex, offsetBy: maximumByteCount - ellipsis.utf8.count)
        while end.samePosition(in: unicodeScalars) == nil { end = utf8.index(before: end) }
        return String(self[..<end]) + ellipsis
    }
}
