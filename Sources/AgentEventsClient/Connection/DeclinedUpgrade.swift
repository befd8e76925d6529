internal import AgentEvents
internal import AgentEventsProtocol

/// The answer of a service that does not open a stream, as an error.
enum DeclinedUpgrade {
    static func error(status: Int?, body: [UInt8], url: StreamURL) -> AgentEventsClientError {
        guard let status else {
            return AgentEventsClientError(
                .protocolViolation, "\(url) answered with something other than a stream", closeCode: 1002)
        }
        if let refusal = (try? JSONValue(parsing: body)).flatMap({ $0["error"]?.objectValue }).flatMap(
            ProtocolError.init)
        {
            var error = AgentEventsClientError(refusal)
            error.status = status
            return error
        }
        if status == 101 {
            return AgentEventsClientError(
                .protocolViolation, "\(url) accepted the upgrade with a wrong key", closeCode: 1002)
        }
        return AgentEventsClientError(
            .declined, "\(url) did not open the stream, it answered with HTTP status \(status)", status: status)
    }
}
