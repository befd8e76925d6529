import AgentEventsHub
import AgentEventsServer
import Testing

/// What is said to clients that wait, and when a connection is closed because its request was answered too early.
struct RequestBodyStateMachineTests {
    enum Step: Sendable {
        /// A request begins: whether its client waits, and how large its body is.
        case head(waits: Bool, Int?)
        case body(Int)
        case end
        /// Its body is being read.
        case wanted
        /// Its answer begins, and ends.
        case answer, answered
        case deadline
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var steps: [Step]
        /// What each step leads to.
        var actions: [String]

        var testDescription: String { name }
    }

    private static let long = RequestBodyStateMachine.shortByteCount + 1

    static let cases = [
        Case(
            name: "a client that waits",
            steps: [.head(waits: true, 10), .wanted, .wanted, .body(10), .end, .answer, .answered],
            actions: ["pass", "continue", "-", "pass", "pass", "pass", "-"]),
        Case(
            name: "a client that waits no longer",
            steps: [.head(waits: true, 10), .body(1), .wanted, .body(9), .end, .answer, .answered],
            actions: ["pass", "pass", "-", "pass", "pass", "pass", "-"]),
        Case(
            name: "a client that does not wait", steps: [.head(waits: false, long), .wanted, .body(long), .end],
            actions: ["pass", "-", "pass", "pass"]),
        Case(
            name: "a request without a body", steps: [.head(waits: true, 0), .end, .wanted, .answer, .answered],
            actions: ["pass", "pass", "-", "pass", "-"]),
        Case(
            name: "refused while the client waits",
            steps: [.head(waits: true, 10), .answer, .answered, .body(10), .end, .body(1), .end, .deadline],
            actions: ["pass", "close", "drain", "drop", "close", "drop", "drop", "-"]),
        Case(
            name: "refused while the client waits, and says nothing more",
            steps: [.head(waits: true, 10), .answer, .answered, .deadline, .deadline],
            actions: ["pass", "close", "drain", "closed", "-"]),
        Case(
            name: "refused in a long body",
            steps: [.head(waits: false, long + 5), .body(4), .answer, .body(1), .answered, .body(long), .end],
            actions: ["pass", "pass", "close", "pass", "drain", "drop", "close"]),
        Case(
            name: "refused near the end of a long body",
            steps: [.head(waits: false, long + 5), .body(6), .answer, .answered, .body(long - 1), .end],
            actions: ["pass", "pass", "pass", "-", "pass", "pass"]),
        Case(
            name: "refused in a body of unknown length",
            steps: [.head(waits: false, nil), .body(4), .answer, .answered, .end],
            actions: ["pass", "pass", "close", "drain", "close"]),
        Case(
            name: "the body ends between the answer's begin and end",
            steps: [.head(waits: false, nil), .answer, .end, .answered, .head(waits: false, 0), .deadline],
            actions: ["pass", "close", "pass", "close", "drop", "-"]),
        Case(
            name: "the word is for the request that is answered, not for the next",
            steps: [
                .head(waits: false, 0), .end, .head(waits: true, 10), .wanted, .answer, .answered, .wanted, .body(10),
                .end,
                .answer, .answered,
            ],
            actions: ["pass", "pass", "pass", "-", "pass", "-", "continue", "pass", "pass", "pass", "-"]),
        Case(
            name: "a request behind one that is refused early",
            steps: [.head(waits: true, 10), .answer, .answered, .head(waits: false, 0), .end],
            actions: ["pass", "close", "drain", "drop", "close"]),
    ]

    @Test(arguments: cases)
    func everyStepHasItsAction(_ example: Case) {
        var machine = RequestBodyStateMachine()
        let actions = example.steps.map { step in
            switch step {
            case .head(let waits, let count):
                "\(machine.receivedHead(expectsContinue: waits, byteCount: count))"
            case .body(let count): "\(machine.receivedBody(byteCount: count))"
            case .end: "\(machine.receivedEnd())"
            case .wanted: machine.bodyWanted() == .sendContinue ? "continue" : "-"
            case .answer: machine.answerBegins() == .announceClose ? "close" : "pass"
            case .answered: "\(machine.answerEnds())".replacing("none", with: "-")
            case .deadline: machine.drainEnds() ? "closed" : "-"
            }
        }
        #expect(actions == example.actions)
    }
}
