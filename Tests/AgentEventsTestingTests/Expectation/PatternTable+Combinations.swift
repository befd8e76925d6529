import AgentEvents
import AgentEventsTesting

// Patterns made of others, tools, runs, and what is not exhaustive.

extension PatternTable {
    static let combinators = [
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

    static let tools = [
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

    static let runs = [
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

    static let loose = [
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
