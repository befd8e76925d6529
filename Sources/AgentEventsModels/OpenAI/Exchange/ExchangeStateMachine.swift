import NIOCore
import NIOHTTP1

/// A piece of an answer over HTTP.
enum ExchangeItem: Sendable {
    case head(HTTPResponseHead)
    case bytes(ByteBuffer)
}

/// Decides when a piece of an answer is given to its reader, and when the next one is asked of the connection.
///
///     idle ── asked ─► waiting ── arrived ─► idle, with the demand for the next piece held back until it is asked for
///     idle ── arrived ─► holding ── asked ─► idle
///     any ── ended ─► ended; a piece that is held is given before the end
///
/// A demand is a promise of the connection: nothing further is read before it is kept. So one piece is in memory at a time.
struct ExchangeStateMachine {
    typealias Demand = EventLoopPromise<Void>
    typealias Reader = CheckedContinuation<ExchangeItem?, any Error>

    private enum State {
        case idle(Demand?)
        case waiting(Reader)
        case holding(ExchangeItem, Demand)
        case leaving(ExchangeItem, Result<Void, any Error>)
        case ended(Result<Void, any Error>)
    }

    private var state = State.idle(nil)

    enum AskedAction {
        /// - Parameter demand: is kept now.
        case wait(keeping: Demand?)
        case give(ExchangeItem)
        case end(Result<Void, any Error>)
    }

    /// The one reader asks for the next piece.
    mutating func asked(by reader: Reader) -> AskedAction {
        switch state {
        case .idle(let demand):
            state = .waiting(reader)
            return .wait(keeping: demand)
        case .waiting: preconditionFailure("an answer has one reader")
        case .holding(let item, let demand):
            state = .idle(demand)
            return .give(item)
        case .leaving(let item, let result):
            state = .ended(result)
            return .give(item)
        case .ended(let result): return .end(result)
        }
    }

    enum ArrivedAction {
        case give(Reader)
        case hold
        /// The exchange is over.
        case drop
    }

    mutating func arrived(_ item: ExchangeItem, _ demand: Demand) -> ArrivedAction {
        switch state {
        case .idle(nil):
            state = .holding(item, demand)
            return .hold
        case .waiting(let reader):
            state = .idle(demand)
            return .give(reader)
        case .idle, .holding, .leaving: preconditionFailure("a piece has arrived that was not asked for")
        case .ended: return .drop
        }
    }

    /// The actions at the end of an exchange: for the reader, if one waits, and for the demand, if one is open.
    struct EndedAction {
        var reader: Reader?
        var demand: Demand?
    }

    /// It counts once.
    mutating func ended(_ result: Result<Void, any Error>) -> EndedAction {
        switch state {
        case .idle(let demand):
            state = .ended(result)
            return EndedAction(demand: demand)
        case .waiting(let reader):
            state = .ended(result)
            return EndedAction(reader: reader)
        case .holding(let item, let demand):
            state = .leaving(item, result)
            return EndedAction(demand: demand)
        case .leaving, .ended: return EndedAction()
        }
    }
}
