/// What the scheduler may let happen next. What one step of a kind is about stands in ``Choice/entity``.
package enum ChoiceKind: UInt8, CaseIterable, Sendable {
    // What goes on by itself.

    /// A producer of a thread offers its next events.
    case offer
    /// The log's writer begins a commit, or ends one.
    case commit
    /// An event loop does what was handed to it first.
    case loop
    /// A job of the applications' tasks runs, up to where it waits.
    case work
    /// The service takes what a client sent.
    case request
    /// A client takes what the service sent.
    case deliver
    /// A client sends what it has to.
    case send
    /// Something that an application does goes on: it takes the next event, or emits.
    case take
    /// A client's attempt to connect ends.
    case connect
    /// Time goes on to the next timer.
    case timer

    /// A job of the process's tasks runs, up to where it waits.
    case job
    /// An agent in the service's process goes on.
    case agent

    // Faults.

    /// A connection breaks; both sides learn of it.
    case cut
    /// A connection breaks; only the client learns of it.
    case halfOpen
    /// A client takes nothing any longer, or does again.
    case stall
    /// The application dies with all it remembers, and begins again.
    case crash
    /// A token expires: the connection is closed, and the next one is declined.
    case expire
    /// The service is killed; what is committed survives.
    case kill
    /// The machine loses power; the end of what is committed goes too.
    case powerLoss
    /// The log fails, and the service ends.
    case logFailure
    /// The service stops as it should, and another one starts.
    case drain

    var isFault: Bool { rawValue >= ChoiceKind.cut.rawValue }

    /// How the kind stands in a schedule.
    var letter: Character {
        switch self {
        case .offer: "o"
        case .commit: "c"
        case .loop: "l"
        case .work: "w"
        case .request: "r"
        case .deliver: "d"
        case .send: "s"
        case .take: "t"
        case .connect: "n"
        case .timer: "i"
        case .job: "j"
        case .agent: "a"
        case .cut: "X"
        case .halfOpen: "H"
        case .stall: "S"
        case .crash: "C"
        case .expire: "E"
        case .kill: "K"
        case .powerLoss: "P"
        case .logFailure: "F"
        case .drain: "D"
        }
    }

    init?(letter: Character) {
        guard let kind = Self.allCases.first(where: { $0.letter == letter }) else { return nil }
        self = kind
    }
}
