import AgentEvents
import AgentEventsProtocol
import HTTPTypes
import HummingbirdCore

extension Request {
    /// The place in a trace from which the request is sent; `nil` for none, and for one that is not well formed. `baggage` is
    /// not looked at: it is data of users.
    var trace: TraceContext? {
        guard let parent = headers[.traceparent] else { return nil }
        return TraceContext(traceparent: parent, tracestate: headers[.tracestate])
    }
}

extension CommandBody {
    /// The same command; one that asks for a run, and says no place in a trace itself, has this one.
    func traced(_ trace: TraceContext?) -> CommandBody {
        guard let trace else { return self }
        var body = self
        switch kind {
        case .message(var message) where message.trace == nil:
            message.trace = trace
            body.kind = .message(message)
        case .start(var start) where start.trace == nil:
            start.trace = trace
            body.kind = .start(start)
        case .message, .start, .run, .answer, .revoke, .value:
            break
        }
        return body
    }
}

extension [EventDraft] {
    /// The same events; those that may name a place in a trace, and name none, have this one.
    func traced(_ trace: TraceContext?) -> [EventDraft] {
        guard let trace else { return self }
        return map { $0.trace == nil ? $0.traced(trace) : $0 }
    }
}

extension HTTPField.Name {
    fileprivate static let traceparent = name("traceparent")
    fileprivate static let tracestate = name("tracestate")

    private static func name(_ text: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(text) else { preconditionFailure("a token is a field name") }
        return name
    }
}
