package import AgentEvents
package import AgentEventsProtocol

/// The protocols in which a range of a thread can be shown, by the names of the route.
package enum FrameProtocol: String, CaseIterable, Sendable {
    /// The stream of this package, on a WebSocket.
    case events
    /// The stream of this package, as server-sent events.
    case serverSentEvents = "sse"
    case agui1 = "ag-ui-1.0"
    case agui0 = "ag-ui-0.x"
    case aiSDK = "ai-sdk"
    case socketIO = "socket.io"

    /// - Throws: ``ProtocolError`` `request.invalid`, with the names that there are.
    package init(name: String?) throws(ProtocolError) {
        let names = Self.allCases.map(\.rawValue).joined(separator: ", ")
        guard let name else {
            throw ProtocolError(.requestInvalid, "protocol names the one whose frames are asked for: \(names)")
        }
        guard let known = Self(rawValue: name) else {
            throw ProtocolError(.requestInvalid, "there is no protocol \(name.prefix(40)), there are: \(names)")
        }
        self = known
    }

    /// Whether the frames depend on what came before the range.
    package var tellsOfBefore: Bool {
        switch self {
        case .events, .serverSentEvents, .socketIO: false
        case .agui1, .agui0, .aiSDK: true
        }
    }
}

/// The place in a thread at which a range begins.
package struct FramePlace: Sendable {
    package let thread: ThreadID
    /// The place as a client names it.
    package let after: StartPosition
    /// The last event before the range; `nil` for none.
    package let position: Cursor?
    /// The number of that event.
    package let start: UInt64
    /// The thread's last event.
    package let head: Cursor?
    /// The thread as of the last event before the range; looked at where ``FrameProtocol/tellsOfBefore``.
    package let state: ThreadState

    package init(
        thread: ThreadID,
        after: StartPosition,
        position: Cursor?,
        start: UInt64,
        head: Cursor?,
        state: ThreadState
    ) {
        self.thread = thread
        self.after = after
        self.position = position
        self.start = start
        self.head = head
        self.state = state
    }
}

extension FrameProtocol {
    /// A machine for a range that begins at a place.
    package func machine(at place: FramePlace) -> any FrameMachine {
        switch self {
        case .events: OwnFrames(.webSocket, at: place)
        case .serverSentEvents: OwnFrames(.serverSentEvents, at: place)
        case .socketIO: OwnFrames(.socketIO, at: place)
        case .agui1:
            TranslatedFrames(
                AGUIFrameSource(.version1, place.thread), joining: place.state.workingRun, place.state)
        case .agui0:
            TranslatedFrames(
                AGUIFrameSource(.version0, place.thread), joining: place.state.workingRun, place.state)
        case .aiSDK:
            TranslatedFrames(
                AISDKFrameSource(.version6, start: place.start), joining: place.state.resumableRun, place.state)
        }
    }
}
