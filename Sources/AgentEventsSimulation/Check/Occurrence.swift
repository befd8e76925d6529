/// What happened in a simulation, counted: one in which nothing goes wrong proves nothing.
package enum Occurrence: Int, CaseIterable, Sendable {
    case eventCommitted, eventRejected, commitMade, runFailedAsLost, workClosedByEnd, emissionAcknowledged
    case emissionRepeated, producerWaitedForRoom, agentRefusedBusy, contextRebuilt
    case eventDelivered, eventMerged, eventTaken, acknowledgementTaken, acknowledgementStored, acknowledgementRefused
    case subscribed, resumed, wentLive, fellBehind, pageRead, recentServed
    case resetDiverged, resetTrimmed, resetUnknown, trimmedInMidReplay
    case inboxFull, threadPaused, connectionMade, connectFailed, tokenDeclined, connectionLost, frameLost
    case slowReaderClosed, heartbeatMissed, clientFoundSilence, drained, lateEventsOfOldConnection
    case cut, halfOpened, stalled, crashed, expired, killed, powerLost, eventsLost, logFailed, trimmed, wireChecked
}

/// How often each kind of occurrence happened.
package struct OccurrenceCounts: Hashable, Sendable {
    private var counts = [Int](repeating: 0, count: Occurrence.allCases.count)

    package subscript(occurrence: Occurrence) -> Int {
        get { counts[occurrence.rawValue] }
        set { counts[occurrence.rawValue] = newValue }
    }

    mutating func add(_ other: OccurrenceCounts) {
        for index in counts.indices { counts[index] += other.counts[index] }
    }

    /// What never happened.
    package var missing: [Occurrence] { Occurrence.allCases.filter { self[$0] == 0 } }
}
