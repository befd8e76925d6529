/// What happened in a simulation, counted: one in which nothing goes wrong proves nothing.
package enum Occurrence: Int, CaseIterable, Sendable {
    case eventCommitted, commitMade, runFailedAsLost, emissionAcknowledged, agentRefusedBusy, eventDelivered
    case eventMerged, acknowledgementStored, subscribed, resumed, wentLive, recentServed, resetDiverged, resetTrimmed
    case subscriptionRefused, connectionMade, drained, cut, halfOpened, stalled, crashed, killed, powerLost, eventsLost
    case logFailed, trimmed
    case fileLogOpened, uncertainKept, uncertainLost, blockFileRemoved
}
