/// What a simulated world is made of.
package enum WorldKind: String, CaseIterable, Sendable {
    /// The machines of the service and of the client, in simulated shells.
    case machines
    /// The real shells, on a simulated executor and simulated event loops.
    case real

    /// What has to happen in a long simulation.
    package var expected: [Occurrence] {
        switch self {
        case .machines:
            Occurrence.allCases.filter { ![.fileLogOpened, .uncertainKept, .uncertainLost, .blockFileRemoved].contains($0) }
        case .real:
            [
                .eventCommitted, .commitMade, .runFailedAsLost, .emissionAcknowledged, .agentRefusedBusy,
                .eventDelivered, .eventMerged, .acknowledgementStored, .subscribed, .resumed, .wentLive,
                .recentServed, .resetDiverged, .resetTrimmed, .subscriptionRefused, .connectionMade, .drained, .cut,
                .halfOpened, .stalled, .crashed, .killed, .powerLost, .eventsLost, .logFailed, .trimmed,
                .fileLogOpened, .uncertainKept, .uncertainLost, .blockFileRemoved,
            ]
        }
    }
}
