import AgentEvents

/// An error of a sink whose events go to a receiver that answers with statuses of HTTP.
package protocol AnsweredSinkError: Error {
    /// Dotted and stable.
    var reportedCode: String { get }
    var message: String { get }
    /// The status of the answer; `nil` when there was none.
    var status: Int? { get }
}

/// An error of a sink as logs, metrics and `/ready` show it.
package struct SinkErrorReport: Hashable, Sendable {
    /// The metric labels that there are: classes of statuses, no answer, and errors of sinks that know no answers.
    package static let answers = ["3xx", "4xx", "5xx", "none", "other"]

    /// Dotted and stable.
    package var code: String
    package var message: String
    /// The status of the receiver's answer, for a sink with a receiver that gave one.
    package var status: Int?
    /// One of ``answers``.
    package var answer = "other"

    package init(_ error: any Error) {
        switch error {
        case let error as any AnsweredSinkError:
            (code, message, status) = (error.reportedCode, error.message, error.status)
            if let status {
                let group = "\(status / 100)xx"
                if Self.answers.contains(group) { answer = group }
            } else {
                answer = "none"
            }
        case let error as SinkError:
            (code, message) = (error.code.description, error.message)
        default:
            (code, message) = ("sink.error", "\(error)")
        }
        // One line, and not a long one, whatever somebody else put into the error.
        message = String(
            String.UnicodeScalarView(
                message.unicodeScalars.prefix(500).map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }))
    }
}
