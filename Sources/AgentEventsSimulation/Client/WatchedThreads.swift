import AgentEvents
import AgentEventsProtocol

/// A list of threads as a client that watches it has it, by what it was told; and what is wrong with that.
struct WatchedThreads {
    private enum State: Equatable {
        case none
        case asked(Int64)
        case watching
    }

    private let user: UserID
    private let limit: Int
    private let witness: LogWitness
    private var state = State.none
    private var cards: [ThreadID: JSONValue] = [:]
    private var hasList = false

    init(user: UserID, limit: Int, witness: LogWitness) {
        self.user = user
        self.limit = limit
        self.witness = witness
    }

    /// Whether it has to be asked for.
    var hasToAsk: Bool { state == .none }

    mutating func ask(_ number: Int64) -> ClientMessage.Operation {
        state = .asked(number)
        return .watch(WatchRequest(limit: Int64(limit)))
    }

    mutating func connectionLost() { self = Self(user: user, limit: limit, witness: witness) }

    /// - Returns: whether the message is about the list.
    mutating func received(_ message: ServerMessage) throws(InvariantViolation) -> Bool {
        switch message {
        case .watching(let tag):
            guard case .asked(let number) = state, tag?.number == number else {
                throw InvariantViolation(.requestsAnswered, "a list is watched that nobody asked for")
            }
            state = .watching
        case .threads(let news):
            try take(news)
        case .unwatched:
            throw InvariantViolation(.listed, "the list of \(user) has ended")
        case .error(let refusal):
            guard case .asked(let number) = state, refusal.tag?.number == number else { return false }
            guard refusal.code == .stopping else {
                throw InvariantViolation(.listed, "the list of \(user) is refused: \(refusal)")
            }
            state = .none
        default:
            return false
        }
        return true
    }

    private mutating func take(_ news: ThreadListNews) throws(InvariantViolation) {
        func fault(_ text: String) -> InvariantViolation {
            InvariantViolation(.listed, "\(user), who watches \(limit): \(text)")
        }
        guard state == .watching else { throw fault("the list comes before its answer") }
        for thread in news.gone where cards.removeValue(forKey: thread) == nil {
            throw fault("\(thread) has gone, and was not there")
        }
        for json in news.threads {
            guard let thread = json["thread_id"]?.stringValue.flatMap({ try? ThreadID($0) }),
                let number = witness.number(of: thread)
            else { throw fault("there is no such thread: \(json)") }
            let known = witness.thread(number)
            guard known.owner.user == user else {
                throw InvariantViolation(.isolation, "\(thread) is listed for \(user)")
            }
            if cards[thread] == json { throw fault("\(thread) is told again, and has not changed") }
            // What comes late from before a loss tells of what there is no longer.
            if known.lost.isEmpty, let violation = known.difference(fromListed: json, asOf: 0) { throw violation }
            cards[thread] = json
        }
        if cards.count > limit { throw fault("there are \(cards.count)") }
        hasList = true
        witness.count(.listTold)
    }

    /// What keeps the client from having the list as it is.
    var missing: InvariantViolation? {
        guard hasList else { return InvariantViolation(.liveness, "\(user) is told no list") }
        var due: [(place: CardPlace, thread: SimulatedThread)] = []
        for thread in witness.threads where thread.owner.user == user {
            if let place = thread.listedPlace { due.append((place, thread)) }
        }
        due = Array(due.sorted { $0.place > $1.place }.prefix(limit))
        guard Set(due.map(\.place.thread)) == Set(cards.keys) else {
            return InvariantViolation(
                .listed,
                "\(user) has \(cards.keys.sorted { $0.rawValue < $1.rawValue }), not \(due.map(\.place.thread))")
        }
        for (place, thread) in due {
            guard let card = cards[place.thread] else { continue }
            if let problem = thread.difference(fromListedAtRest: card) { return problem }
        }
        return nil
    }
}
