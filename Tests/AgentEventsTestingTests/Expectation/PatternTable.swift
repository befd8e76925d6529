import AgentEvents
import AgentEventsTesting
import Testing

/// A pattern, a sequence that it matches, and sequences that it does not match.
struct PatternCase: Sendable, CustomTestStringConvertible {
    let name: String
    var exhaustivity = Exhaustivity.on
    /// Matched, every one.
    let good: [[Step]]
    /// Not matched, every one. All are well-formed, so that only the pattern can fail.
    let bad: [[Step]]
    let pattern: @Sendable () -> EventPattern

    init(
        _ name: String,
        exhaustivity: Exhaustivity = .on,
        good: [[Step]],
        bad: [[Step]],
        @EventPatternBuilder _ pattern: @escaping @Sendable () -> EventPattern
    ) {
        self.name = name
        self.exhaustivity = exhaustivity
        self.good = good
        self.bad = bad
        self.pattern = pattern
    }

    var testDescription: String { name }
}

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

    private static let combinators = [
        PatternCase(
            "optional", good: [[.start, .complete], [.start, .think(), .complete]],
            bad: [[.start, .think(), .think("B", "th_2"), .complete], [.start, .progress, .complete]]
        ) {
            .agentStarted()
                .optional { .agentThinking() }
                .agentCompleted()
        },
        PatternCase(
            "zeroOrMore", good: [[.start, .complete], [.start, .progress, .think(), .progress, .think(), .complete]],
            bad: [[.start, .progress, .complete], [.start, .think(), .complete]]
        ) {
            .agentStarted()
                .zeroOrMore {
                    .agentProgress()
                        .agentThinking()
                }
                .agentCompleted()
        },
        PatternCase(
            "oneOrMore",
            good: [[.start, .progress, .complete], [.start, .progress, .progress, .progress, .complete]],
            bad: [[.start, .complete], [.start, .progress, .think(), .complete]]
        ) {
            .agentStarted()
                .oneOrMore { .agentProgress() }
                .agentCompleted()
        },
        PatternCase(
            "anything up to an event",
            good: [[.start, .complete], [.start, .think(), .call(), .callEnd(), .complete]],
            bad: [[.start, .fail], [.start, .think(), .fail]]
        ) {
            .agentStarted()
                .anything(upTo: .agentCompleted())
                .agentCompleted()
        },
        PatternCase(
            "anything up to the first of them", good: [[.start, .think(), .message(), .progress, .complete]],
            bad: [[.start, .message(), .message("m_2"), .progress, .complete]]
        ) {
            .agentStarted()
                .anything(upTo: .message())
                .message()
                .agentProgress()
                .agentCompleted()
        },
        PatternCase(
            "anything", good: [[.start, .think(), .think(), .complete], [.start, .complete]],
            bad: [[.user], [.start, .fail]]
        ) {
            .agentStarted()
                .anything()
                .agentCompleted()
        },
        PatternCase(
            "any order",
            good: [
                [.start, .think(), .progress, .message(), .complete],
                [.start, .message(), .progress, .think(), .complete],
                [.start, .progress, .delta(), .think(), .message(), .complete],
            ],
            bad: [
                [.start, .think(), .progress, .complete],
                [.start, .think(), .progress, .message(), .progress, .complete],
                [.start, .complete],
            ]
        ) {
            .agentStarted()
                .anyOrder {
                    .agentThinking()
                        .agentProgress()
                        .message()
                }
                .agentCompleted()
        },
        PatternCase(
            "a sequence in any order",
            good: [
                [.start, .think(), .custom("x"), .progress, .complete],
                [.start, .custom("x"), .think(), .progress, .complete],
            ],
            bad: [[.start, .progress, .custom("x"), .think(), .complete]]
        ) {
            .agentStarted()
                .anyOrder {
                    .sequence {
                        .agentThinking()
                            .agentProgress()
                    }
                    .custom("x")
                }
                .agentCompleted()
        },
    ]

    private static let tools = [
        PatternCase(
            "tool",
            good: [
                [
                    .start, .call("c_1", "search", ["q": "x", "n": 2]), .callEnd("c_1", "search", result: ["count": 3]),
                    .complete,
                ]
            ],
            bad: [
                [.start, .complete], [.start, .call("c_1", "read", ["q": "x"]), .callEnd("c_1", "read"), .complete],
                [.start, .call("c_1", "search", ["q": "y"]), .callEnd(result: ["count": 3]), .complete],
                [.start, .call("c_1", "search", ["q": "x"]), .callEnd("c_1", "search", .failed), .complete],
                [
                    .start, .call("c_1", "search", ["q": "x"]), .callProgress(), .callEnd(result: ["count": 3]),
                    .complete,
                ],
                [.start, .call("c_1", "search", ["q": "x"]), .callEnd(result: ["count": 4]), .complete],
            ]
        ) {
            .agentStarted()
                .tool("search", arguments: ["q": "x"], result: ["count": 3])
                .agentCompleted()
        },
        PatternCase(
            "tool that fails", good: [[.start, .call(), .callEnd("c_1", "search", .failed), .complete]],
            bad: [[.start, .call(), .callEnd(), .complete]]
        ) {
            .agentStarted()
                .tool("search", status: .failed)
                .agentCompleted()
        },
        PatternCase(
            "tool with what lies in between",
            good: [[.start, .call(), .callProgress(), .ask(call: "c_1"), .answer(), .callEnd(), .complete]],
            bad: [
                [.start, .call(), .callEnd(), .complete],
                [.start, .call(), .callProgress(), .ask(), .callEnd(), .answer(), .complete],
            ]
        ) {
            .agentStarted()
                .tool("search") {
                    .toolProgress()
                        .approvalRequested()
                        .approvalResolved()
                }
                .agentCompleted()
        },
        PatternCase(
            "tools in parallel",
            good: [
                [.start, .call("c_1", "a"), .call("c_2", "b"), .callEnd("c_1", "a"), .callEnd("c_2", "b"), .complete],
                [.start, .call("c_2", "b"), .callEnd("c_2", "b"), .call("c_1", "a"), .callEnd("c_1", "a"), .complete],
            ],
            bad: [
                [.start, .call("c_1", "a"), .callEnd("c_1", "a"), .complete],
                [
                    .start, .call("c_1", "a"), .call("c_2", "a"), .callEnd("c_1", "a"), .callEnd("c_2", "a"), .complete,
                ],
            ]
        ) {
            .agentStarted()
                .anyOrder {
                    .tool("a")
                        .tool("b")
                }
                .agentCompleted()
        },
        PatternCase(
            "parallel calls of one tool are told apart",
            good: [
                [
                    .start, .call("c_1"), .call("c_2"), .callProgress("c_2"), .callEnd("c_1"), .callEnd("c_2"),
                    .complete,
                ],
                [
                    .start, .call("c_1"), .call("c_2"), .callEnd("c_2"), .callProgress("c_1"), .callEnd("c_1"),
                    .complete,
                ],
            ],
            bad: [[.start, .call("c_1"), .call("c_2"), .callEnd("c_1"), .callEnd("c_2"), .complete]]
        ) {
            .agentStarted()
                .anyOrder {
                    .tool("search")
                        .tool("search") { .toolProgress() }
                }
                .agentCompleted()
        },
        PatternCase(
            "what lies in a call is of that call",
            good: [
                [
                    .start, .call("c_1"), .call("c_2"), .callProgress("c_1"), .callEnd("c_1"),
                    .callEnd("c_2", "search", .failed), .complete,
                ]
            ],
            bad: [
                [
                    .start, .call("c_1"), .call("c_2"), .callProgress("c_2"), .callEnd("c_1"),
                    .callEnd("c_2", "search", .failed), .complete,
                ]
            ]
        ) {
            .agentStarted()
                .anyOrder {
                    .tool("search") { .toolProgress() }
                        .tool("search", status: .failed)
                }
                .agentCompleted()
        },
        PatternCase(
            "toolExecuting and toolCompleted", good: [[.start, .call(), .callEnd(), .complete]],
            bad: [[.start, .call("c_1", "read"), .callEnd("c_1", "read"), .complete]]
        ) {
            .agentStarted()
                .toolExecuting("search", .equals(\.purpose, nil))
                .toolCompleted("search", status: .succeeded)
                .agentCompleted()
        },
    ]

    private static let runs = [
        PatternCase(
            "a child run",
            good: [
                [
                    .start, .child("r_2", of: "r_1"), .think().of("r_2", agent: "finder"),
                    .complete.of("r_2", agent: "finder"), .complete,
                ]
            ],
            bad: [
                [.start, .child("r_2", of: "r_1"), .think(), .complete.of("r_2", agent: "finder"), .complete],
                [.start, .complete],
            ]
        ) {
            .agentStarted(agent: "guide")
                .run(agent: "finder") {
                    .agentThinking()
                        .agentCompleted()
                }
                .agentCompleted()
        },
        PatternCase(
            "runs at the same time",
            good: [
                [.start, .start.of("r_2"), .think().of("r_2"), .fail.of("r_2"), .complete],
                [.start, .complete, .start.of("r_2"), .think().of("r_2"), .fail.of("r_2")],
                [.start, .start.of("r_2"), .think(), .complete.of("r_2"), .fail],
            ],
            bad: [[.start, .start.of("r_2"), .think(), .complete, .fail.of("r_2")]]
        ) {
            .anyOrder {
                .run(agent: "guide") {
                    .agentThinking()
                        .agentFailed()
                }
                .run(agent: "guide") { .agentCompleted() }
            }
        },
        PatternCase(
            "a child run inside of a tool",
            good: [
                [
                    .start, .call(), .child("r_2", of: "r_1", call: "c_1"), .complete.of("r_2", agent: "finder"),
                    .callEnd(), .complete,
                ]
            ],
            bad: [
                [
                    .start, .call(), .callEnd(), .child("r_2", of: "r_1"), .complete.of("r_2", agent: "finder"),
                    .complete,
                ]
            ]
        ) {
            .agentStarted()
                .tool("search") {
                    .run(agent: "finder") { .agentCompleted() }
                }
                .agentCompleted()
        },
    ]

    private static let loose = [
        PatternCase(
            "not exhaustive", exhaustivity: .off,
            good: [
                [.start, .think(), .call(), .callProgress(), .callEnd(), .message(), .complete],
                [.user, .start, .call("c_0", "read"), .callEnd("c_0", "read"), .call(), .callEnd(), .complete, .user],
            ],
            bad: [
                [.start, .think(), .complete], [.start, .call(), .callEnd(), .fail], [],
                [.start, .call("c_1", "read"), .callEnd("c_1", "read"), .complete],
                [.start, .complete, .start.of("r_2"), .call().of("r_2"), .callEnd().of("r_2"), .fail.of("r_2")],
            ]
        ) {
            .tool("search")
                .agentCompleted()
        }
    ]
}
