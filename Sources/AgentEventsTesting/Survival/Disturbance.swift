import AgentEvents

/// The disturbance of a run of an agent in one trial.
enum Disturbance: Hashable, Sendable {
    /// Nothing: every question is answered with a yes.
    case nothing
    /// A person stops the run after an event.
    case stop(after: Int)
    /// A person pauses the run after an event, and resumes it when the agent has come to its next one.
    case pause(after: Int)
    /// The process dies with an event in the log, and another one opens it.
    case kill(after: Int)
    /// A question is answered with a no; the others with a yes.
    case deny(question: Int)
    /// The time for the answer to a question passes.
    case expire(question: Int)
    /// The run is paused when it has asked, and resumed after the yes.
    case answerWhilePaused(question: Int)

    /// In words, after "does not survive".
    ///
    /// - Parameter events: those of the undisturbed run.
    func text(_ events: [AgentEvent]) -> String {
        func place(_ number: Int) -> String {
            events.indices.contains(number - 1)
                ? "event \(number), \(EventSummary.text(events[number - 1]))" : "event \(number)"
        }
        func question(_ number: Int) -> String {
            let questions = events.filter { $0.type == .approvalRequested }
            guard questions.indices.contains(number - 1),
                case .approvalRequested(let asked) = questions[number - 1].payload
            else { return "question \(number)" }
            return "question \(number), \(PatternText.quoted(asked.prompt))"
        }
        return switch self {
        case .nothing: "a run in which nothing happens to it"
        case .stop(let number): "a stop after \(place(number))"
        case .pause(let number): "a pause after \(place(number))"
        case .kill(let number): "the death of its process after \(place(number))"
        case .deny(let number): "a no to \(question(number))"
        case .expire(let number): "that nobody answers \(question(number))"
        case .answerWhilePaused(let number): "a yes to \(question(number)), while it is paused"
        }
    }

    /// All that can happen to an agent whose undisturbed run has these events.
    ///
    /// - Parameter maximumCount: of the events that are looked at, the first ones.
    static func all(_ events: [AgentEvent], maximumCount: Int) -> [Disturbance] {
        let places = 1...max(1, min(events.count, maximumCount))
        let questions = events.filter { $0.type == .approvalRequested }.indices.map { $0 + 1 }
        return places.flatMap { [Disturbance.stop(after: $0), .pause(after: $0), .kill(after: $0)] }
            + questions.flatMap {
                [Disturbance.deny(question: $0), .expire(question: $0), .answerWhilePaused(question: $0)]
            }
    }
}
