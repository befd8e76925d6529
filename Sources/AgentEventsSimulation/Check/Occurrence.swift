/// What happened in a simulation, counted: one in which nothing goes wrong proves nothing.
package enum Occurrence: Int, CaseIterable, Sendable {
    case eventCommitted, eventRejected, commitMade, runFailedAsLost, runEndedAsIdle, workClosedByEnd,
        emissionAcknowledged
    case emissionRepeated, producerWaitedForRoom, agentRefusedBusy, contextRebuilt
    case eventDelivered, eventMerged, eventTaken, acknowledgementTaken, acknowledgementStored, acknowledgementRefused
    case subscribed, resumed, wentLive, fellBehind, newsOnly, pageRead, pageShared, recentServed
    case resetDiverged, resetTrimmed, trimmedInMidReplay
    case requestWaited, requestPipelined, requestAnswered, subscriptionRefused, emittedOverStream
    case inboxFull, threadPaused, connectionMade, connectFailed, tokenDeclined, connectionLost, frameLost
    case slowReaderClosed, heartbeatMissed, clientFoundSilence, drained, lateEventsOfOldConnection
    case cut, halfOpened, stalled, crashed, expired, killed, powerLost, eventsLost, logFailed, trimmed, wireChecked
    case fileLogOpened, uncertainKept, uncertainLost, blockFileRemoved
}
