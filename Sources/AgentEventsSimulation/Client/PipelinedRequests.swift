import AgentEvents
import AgentEventsClient

/// Requests that an application sends about a thread without waiting for an answer: a page that is mounted twice, or left
/// before it has begun. What comes of them is none of the stream's business.
struct PipelinedRequests {
    /// The numbers of a stream's own requests are far below.
    private static let firstNumber: Int64 = 1 << 40

    let thread: ThreadID
    private var lastNumber = firstNumber
    /// The last event that came.
    private var last: Cursor?

    init(thread: ThreadID) { self.thread = thread }

    /// A few requests, or none.
    mutating func next(_ random: inout SimulationRandom) -> [StreamRequest] {
        guard random.once(in: 2) else { return [] }
        return (0..<(1 + random.below(4))).map { _ in
            lastNumber += 1
            switch random.below(8) {
            case 0, 1: return .subscribe(request: lastNumber, thread, from: .now, consumer: nil)
            case 2: return .subscribe(request: lastNumber, thread, from: .start, consumer: nil)
            case 3: return .subscribe(request: lastNumber, thread, from: last.map { .after($0) }, consumer: nil)
            case 4:
                if let last { return .acknowledge(request: lastNumber, thread, last) }
                return .unsubscribe(request: lastNumber, thread)
            default: return .unsubscribe(request: lastNumber, thread)
            }
        }
    }

    /// - Parameter number: the request that the message is the answer to.
    /// - Returns: whether the message is about the thread.
    mutating func received(_ message: StreamMessage, _ number: Int64?) -> Bool {
        switch message {
        case .event(let event):
            guard event.thread == thread else { return false }
            last = event.cursor
            return true
        case .subscribed(let about, _), .unsubscribed(let about), .live(let about, _), .reset(let about, _, _):
            return about == thread
        case .refused:
            return number.map { $0 > Self.firstNumber } ?? false
        case .welcome, .emitted, .ping, .drain, .other:
            return false
        }
    }
}
