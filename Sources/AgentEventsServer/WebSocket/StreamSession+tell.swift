import AgentEventsHub
import NIOCore

extension StreamSession {
    /// Passes an input of the channel to the session: at once, or after the call of the session that has led to it.
    ///
    /// - Parameter isBusy: whether such a call is under way, as the transport says.
    func tell(isBusy: Bool, on eventLoop: any EventLoop, _ body: @escaping (StreamSession) -> Void) {
        guard isBusy else { return body(self) }
        eventLoop.assumeIsolated().execute { body(self) }
    }
}
