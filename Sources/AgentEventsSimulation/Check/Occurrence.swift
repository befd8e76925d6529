/// What happened in a simulation, counted: one in which nothing goes wrong proves nothing.
package enum Occurrence: Int, CaseIterable, Sendable {
    // The log and its producers.
    case eventCommitted, eventRejected, commitMade, runFailedAsLost, runEndedAsIdle, workClosedByEnd
    case emissionAcknowledged, emissionRepeated, lineFed, agentRefusedBusy, messageQueued, queuedRunStarted,
        runSuperseded, inputTaken, visited, stateRead, seenReplaying
    case producerWaitedForRoom, contextRebuilt
    // Lists of threads.
    case listed, listedWhileMoving, listedAtRest, cardsSaved, listTold, listFollowed, tokenReplaced
    // Commands of people.
    case commandDone, commandUnchanged, commandRepeated, commandRefused, customCommandTaken, customCommandRefused
    case messageCommanded, startCommanded, messageRefusedBusy, messageRefusedFull
    // What people and runs make of each other.
    case messageSteered, leftInputQueued, runRolledBack, runsMerged, runRetried, runNotStartedInTime, runBesideOthers
    case approvalApproved, approvalDenied, approvalExpired, approvalCancelled, answeredWhilePaused, expiredWhilePaused
    case answerForbidden, answerDataRefused, answerTooLate, answerUnknown, answerUnchanged, bodyApproved, bodyStuck
    case runRested, childResumed, questionResumed
    // Those who follow.
    case eventDelivered, eventMerged, eventTaken, snapshotGiven
    case acknowledgementTaken, acknowledgementStored, acknowledgementRefused
    case subscribed, resumed, wentLive, streamLive, pageRead, pageShared
    case fellBehind, resetDiverged, resetTrimmed, trimmedInMidReplay
    case requestPipelined, requestAnswered, subscriptionRefused, inboxFull, threadPaused, wireChecked
    // Connections and time.
    case connectionMade, connectFailed, tokenDeclined, connectionLost, frameLost, lateEventsOfOldConnection
    case slowReaderClosed, heartbeatMissed, clientFoundSilence, drained
    // Faults.
    case cut, halfOpened, stalled, crashed, restarted, expired, killed, powerLost, eventsLost, logFailed, trimmed
    case fileLogOpened, uncertainKept, uncertainLost, blockFileRemoved
    // Another process that writes the same log.
    case refusedByContention, decidedAgain, refusedAfterContention, runEndedElsewhere, threadTakenElsewhere
    case keyUsedElsewhere, toldOfOthers, otherProcessKilled
}
