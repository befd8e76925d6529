/// Where the events of a request stand, for the paths in errors.
package enum DraftRoot: Sendable {
    /// In the member `events` of a message: `$.events[3]`.
    case messageMember
    /// The request's body is the one event, or each of its lines is one: `$`, in the body or in the line.
    case document

    /// The path to an event.
    func path(of index: Int) -> String {
        switch self {
        case .messageMember: "$.events[\(index)]"
        case .document: "$"
        }
    }

    /// The path to all of them.
    var batchPath: String {
        switch self {
        case .messageMember: "$.events"
        case .document: "$"
        }
    }
}
