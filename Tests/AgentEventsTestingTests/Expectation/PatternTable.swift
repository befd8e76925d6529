import AgentEvents
import AgentEventsTesting

enum PatternTable {
    static let cases: [PatternCase] = events + ends + items + combinators + tools + runs + loose

    private static let events = [
        PatternCase("nothing", good: [[]], bad: [[.user], [.start, .complete]]) {},
        PatternCase(
            "agentStarted", good: [[.start, .complete], [.start, .fail]],
            bad: [
                [], [.user], [.user, .start, .complete],
                [.start.of("r_1", agent: "finder"), .complete.of("r_1", agent: "finder")],
            ]
        ) {
            .agentStarted(agent: "guide")
                .event("any")
        },
        PatternCase(
            "agentStarted with an input",
            good: [[Step(.agentStarted(AgentStarted(input: ["q": "x", "n": 1]))), .complete]],
            bad: [[.start, .complete], [Step(.agentStarted(AgentStarted(input: ["q": "y"]))), .complete]]
        ) {
            .agentStarted(input: ["q": "x"])
                .agentCompleted()
        },
        PatternCase(
            "agentThinking", good: [[.start, .think(), .complete], [.start, .think("A"), .think("B"), .complete]],
            bad: [
                [.start, .complete], [.start, .think(), .think("B", "th_2"), .complete],
                [.start, .progress, .complete],
            ]
        ) {
            .agentStarted()
                .agentThinking()
                .agentCompleted()
        },
        PatternCase(
            "agentThinking containing a text that is cut in two",
            good: [[.start, .think("Whi"), .think("ch"), .complete]],
            bad: [[.start, .think("Whi"), .think("ch", "th_2"), .complete], [.start, .think("Wer"), .complete]]
        ) {
            .agentStarted()
                .agentThinking(containing: "Which")
                .agentCompleted()
        },
        PatternCase(
            "agentProgress", good: [[.start, .progress, .complete]],
            bad: [[.start, .think(), .complete], [.start, .complete]]
        ) {
            .agentStarted()
                .agentProgress(.equals(\.fraction, 0.5))
                .agentCompleted()
        },
        PatternCase(
            "userMessage, stateUpdated and custom", good: [[.user, .state, .start, .custom("x"), .complete]],
            bad: [[.user, .start, .custom("x"), .complete], [.user, .state, .start, .custom("y"), .complete]]
        ) {
            .userMessage(containing: "Hell")
                .stateUpdated(key: "k", .equals(\.change, .removed))
                .agentStarted()
                .custom("x", value: 1)
                .agentCompleted()
        },
        PatternCase("event with a condition", good: [[.user]], bad: [[.state], []]) {
            .event("by u_1", where: { $0.type == .userMessage })
        },
    ]

    private static let ends = [
        PatternCase(
            "agentCompleted", good: [[.start, .complete]],
            bad: [[.start, .fail], [.start, .cancel], [.start, .complete, .user]]
        ) {
            .agentStarted()
                .agentCompleted(result: "done", .where("is quick") { $0.durationMilliseconds < 10 })
        },
        PatternCase("agentFailed", good: [[.start, .fail]], bad: [[.start, .complete], [.start, .cancel]]) {
            .agentStarted()
                .agentFailed(code: "x", .equals(\.error.retryable, false))
        },
        PatternCase("agentFailed with another code", good: [], bad: [[.start, .fail]]) {
            .agentStarted()
                .agentFailed(code: "y")
        },
        PatternCase("agentCancelled", good: [[.start, .cancel]], bad: [[.start, .fail]]) {
            .agentStarted()
                .agentCancelled(reason: "enough")
        },
        PatternCase(
            "a pause", good: [[.start, .pause, .resume, .complete]],
            bad: [[.start, .complete], [.start, .pause, .fail]]
        ) {
            .agentStarted()
                .agentPaused()
                .agentResumed()
                .agentCompleted()
        },
    ]

    private static let items = [
        PatternCase(
            "message", good: [[.start, .message(), .complete], [.start, .delta(), .delta(), .message(), .complete]],
            bad: [
                [.start, .complete], [.start, .message("m_1", "Bye"), .complete],
                [.start, .delta(), .think(), .message(), .complete],
                [.start, .delta("m_2"), .message(), .message("m_2"), .complete],
            ]
        ) {
            .agentStarted()
                .message(containing: "there", .equals(\.role, .assistant))
                .agentCompleted()
        },
        PatternCase(
            "a message is of one id", good: [[.start, .delta("m_2"), .message("m_2"), .message(), .complete]],
            bad: [[.start, .delta("m_2"), .message(), .message("m_2"), .complete]]
        ) {
            .agentStarted()
                .message()
                .optional { .messageCompleted() }
                .agentCompleted()
        },
        PatternCase(
            "messageDelta and messageCompleted", good: [[.start, .delta(), .message(), .complete]],
            bad: [[.start, .message(), .complete], [.start, .delta(), .delta(), .message(), .complete]]
        ) {
            .agentStarted()
                .messageDelta(containing: "Hi")
                .messageCompleted(containing: "Hi")
                .agentCompleted()
        },
        PatternCase(
            "an approval", good: [[.start, .ask(), .answer(), .complete]],
            bad: [[.start, .ask(), .answer("a_1", .denied), .complete], [.start, .complete]]
        ) {
            .agentStarted()
                .approvalRequested(containing: "May I")
                .approvalResolved(.approved)
                .agentCompleted()
        },
    ]
}
