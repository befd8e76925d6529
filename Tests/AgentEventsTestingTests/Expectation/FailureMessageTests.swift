import AgentEvents
import AgentEventsTesting
import Testing

/// What a failure says, word by word: it is read by people who did not write the test.
@Suite struct FailureMessageTests {
    private static let steps: [Step] = [
        .start, .think("Which files?"), .call("c_1", "search", ["q": "x"]), .callEnd(result: ["count": 3]),
        .delta("m_1", "Found "), .delta("m_1", "3."), .message("m_1", "Found 3."), .complete,
    ]

    private static func failure(
        _ steps: [Step] = steps,
        exhaustivity: Exhaustivity = .on,
        @EventPatternBuilder _ pattern: () -> EventPattern
    ) -> String {
        EventExpectation(exhaustivity: exhaustivity, pattern).failures(of: steps.events()).joined(separator: "\n\n")
    }

    @Test func anotherEvent() {
        let failure = Self.failure {
            .agentStarted(agent: "guide")
                .agentThinking()
                .message()
                .agentCompleted()
        }
        #expect(
            failure
                == """
                The events are not those expected, event 3 of 8 is the first that differs:
                  expected                       actual
                = agentStarted(agent: "guide")   1-1  agent_started guide
                = agentThinking                  1-2  agent_thinking "Which files?"
                > message                        1-3  tool_executing search {"q":"x"}
                  agentCompleted                 1-4  tool_completed search succeeded {"count":3}
                                                 1-5  message_delta "Found "
                                                 1-6  message_delta "3."
                                                 1-7  message_completed "Found 3."
                                                 1-8  agent_completed "done"
                """)
    }

    @Test func aValueThatIsNotTheOne() {
        let failure = Self.failure {
            .agentStarted(agent: "guide")
                .agentThinking(containing: "Which")
                .tool("search", arguments: ["q": "y"], status: nil) { .toolProgress() }
                .message(containing: "Found", .equals(\.role, .assistant))
                .agentCompleted(result: "done")
        }
        #expect(
            failure
                == """
                The events are not those expected, event 3 of 8 is the first that differs:
                  expected                                         actual
                = agentStarted(agent: "guide")                     1-1  agent_started guide
                = agentThinking(containing: "Which")               1-2  agent_thinking "Which files?"
                > tool("search", arguments: {"q":"y"})             1-3  tool_executing search {"q":"x"}
                    toolProgress                                   1-4  tool_completed search succeeded {"count":3}
                  end of tool("search")                            1-5  message_delta "Found "
                  message(containing: "Found", role: .assistant)   1-6  message_delta "3."
                  agentCompleted(result: "done")                   1-7  message_completed "Found 3."
                                                                   1-8  agent_completed "done"

                1-3 is not tool("search", arguments: {"q":"y"}): arguments is {"q":"x"}
                """)
    }

    @Test func tooFewEvents() {
        let failure = Self.failure([.start, .think(), .complete]) {
            .agentStarted()
                .agentThinking()
                .agentCompleted()
                .oneOrMore { .userMessage() }
                .anyOrder {
                    .tool("a")
                        .tool("b") { .toolProgress() }
                }
        }
        #expect(
            failure
                == """
                The events are not those expected, there are only 3:
                  expected                                 actual
                = agentStarted                             1-1  agent_started guide
                = agentThinking                            1-2  agent_thinking "Hm."
                = agentCompleted                           1-3  agent_completed "done"
                > oneOrMore { userMessage }                (no more events)
                  anyOrder {
                    tool("a")
                    end of tool("a", status: .succeeded)
                    tool("b")
                      toolProgress
                    end of tool("b", status: .succeeded)
                  }
                """)
    }

    @Test func tooManyEvents() {
        let failure = Self.failure {
            .agentStarted()
                .agentThinking()
                .tool("search")
        }
        #expect(
            failure
                == """
                The events are not those expected, event 5 of 8 is the first that differs:
                  expected                                    actual
                = agentStarted                                1-1  agent_started guide
                = agentThinking                               1-2  agent_thinking "Which files?"
                = tool("search")                              1-3  tool_executing search {"q":"x"}
                = end of tool("search", status: .succeeded)   1-4  tool_completed search succeeded {"count":3}
                > (nothing more)                              1-5  message_delta "Found "
                                                              1-6  message_delta "3."
                                                              1-7  message_completed "Found 3."
                                                              1-8  agent_completed "done"
                """)
    }

    @Test func nothingAtAll() {
        #expect(
            Self.failure([]) { .agentStarted(agent: "guide") }
                == """
                The events are not those expected, there are none:
                  expected                       actual
                > agentStarted(agent: "guide")   (no more events)
                """)
    }

    @Test func anotherCallInParallel() {
        let failure = Self.failure([
            .start, .call("c_1"), .call("c_2"), .callProgress("c_1"), .callEnd("c_1"), .callEnd("c_2"), .complete,
        ]) {
            .agentStarted()
                .tool("search") {
                    .tool("search") { .toolProgress(.where("is half") { $0.fraction == 0.5 }) }
                }
                .agentCompleted()
        }
        #expect(
            failure
                == """
                The events are not those expected, event 4 of 7 is the first that differs:
                  expected                                    actual
                = agentStarted                                1-1  agent_started guide
                = tool("search")                              1-2  tool_executing search {}
                = tool("search")                              1-3  tool_executing search {}
                > toolProgress(is half)                       1-4  tool_progress c_1
                  end of tool("search", status: .succeeded)   1-5  tool_completed search succeeded
                  end of tool("search", status: .succeeded)   1-6  tool_completed search succeeded
                  agentCompleted                              1-7  agent_completed "done"

                1-4 is not toolProgress(is half): the condition does not hold
                1-4 is not toolProgress(is half): it is of the call c_1, not of c_2
                """)
    }

    @Test func severalRuns() {
        let failure = Self.failure([
            .user, .start, .child("r_2", of: "r_1"), .think().of("r_2", agent: "finder"), .think(),
            .complete.of("r_2", agent: "finder"), .complete,
        ]) {
            .userMessage()
                .agentStarted(agent: "guide")
                .run(agent: "finder") {
                    .agentThinking()
                        .agentFailed(code: "x")
                }
                .agentCompleted()
        }
        #expect(
            failure
                == """
                The events are not those expected, event 5 of 7 is the first that differs:
                  expected                        actual
                = userMessage                     1-1  thread  user_message "Hello"
                = agentStarted(agent: "guide")    1-2  r_1  agent_started guide
                = agentStarted(agent: "finder")   1-3  r_2  agent_started finder
                = agentThinking                   1-4  r_2  agent_thinking "Hm."
                > agentFailed(code: "x")          1-5  r_1  agent_thinking "Hm."
                  agentCompleted                  1-6  r_2  agent_completed "done"
                                                  1-7  r_1  agent_completed "done"

                run by run:
                > r_1 (guide): 2 agent_started, 5 agent_thinking, 7 agent_completed
                  r_2 (finder): 3 agent_started, 4 agent_thinking, 6 agent_completed
                """)
    }

    @Test func notFoundAmongOthers() {
        let failure = Self.failure(exhaustivity: .off) {
            .tool("search")
                .message(containing: "Lost")
        }
        #expect(
            failure
                == """
                The events are not those expected, event 7 of 8 is the first that differs:
                  expected                                    actual
                                                              1-1  agent_started guide
                                                              1-2  agent_thinking "Which files?"
                = tool("search")                              1-3  tool_executing search {"q":"x"}
                = end of tool("search", status: .succeeded)   1-4  tool_completed search succeeded {"count":3}
                = fragment of message                         1-5  message_delta "Found "
                = fragment of message                         1-6  message_delta "3."
                > message(containing: "Lost")                 1-7  message_completed "Found 3."
                                                              1-8  agent_completed "done"

                1-7 is not message(containing: "Lost"): the text is "Found 3."
                """)
    }

    @Test func aLongWay() {
        let steps: [Step] =
            [.start] + (0..<30).map { .custom("x\($0)") } + [.progress] + (0..<30).map { .custom("y\($0)") } + [
                .complete
            ]
        let failure = Self.failure(steps) {
            .agentStarted()
                .oneOrMore { .custom() }
                .agentCompleted()
        }
        #expect(
            failure
                == """
                The events are not those expected, event 32 of 63 is the first that differs:
                  expected                actual
                  …                       … 19 events before
                = custom                  1-20  custom x18 1
                = custom                  1-21  custom x19 1
                = custom                  1-22  custom x20 1
                = custom                  1-23  custom x21 1
                = custom                  1-24  custom x22 1
                = custom                  1-25  custom x23 1
                = custom                  1-26  custom x24 1
                = custom                  1-27  custom x25 1
                = custom                  1-28  custom x26 1
                = custom                  1-29  custom x27 1
                = custom                  1-30  custom x28 1
                = custom                  1-31  custom x29 1
                > zeroOrMore { custom }   1-32  agent_progress
                  agentCompleted          1-33  custom y0 1
                                          1-34  custom y1 1
                                          1-35  custom y2 1
                                          1-36  custom y3 1
                                          1-37  custom y4 1
                                          1-38  custom y5 1
                                          1-39  custom y6 1
                                          1-40  custom y7 1
                                          1-41  custom y8 1
                                          1-42  custom y9 1
                                          1-43  custom y10 1
                  …                       … 20 more
                """)
    }

    @Test func tooManyWaysToReadIt() throws {
        let calls = try (1...12).map { Step.call(try CallID("c_\($0)")) }
        let failure = Self.failure([.start] + calls) {
            .agentStarted()
                .anyOrder {
                    for number in 0..<12 {
                        EventPattern.tool("search") { .toolProgress(.equals(\.fraction, Double(number))) }
                    }
                }
        }
        #expect(
            failure.hasPrefix(
                """
                The pattern can be read in too many ways by event 5 of 13: parts of anyOrder that can begin with the same \
                events need to differ.
                """))
    }

    @Test func notWellFormed() {
        let failure = Self.failure([.start, .callEnd(), .think().at(4)]) {
            .anything()
        }
        #expect(
            failure
                == """
                The events are not well-formed:
                  1-2: order.call_not_open: call c_1 is not open (run r_1: running; legal now: input_taken, agent_thinking, agent_progress, message_delta, message_completed, tool_executing, approval_requested, usage_reported, agent_paused, agent_completed, agent_failed, agent_cancelled, custom)
                  1-4: seq.gap: seq 4 where 3 was due
                  1-1: run.unended: the run r_1 starts here and has no end; legal: agent_completed, agent_failed, agent_cancelled
                """)
    }

    @Test func anIssueStandsAtTheLineOfTheExpectation() {
        let line = #line + 2
        withKnownIssue {
            expectEvents(in: Self.steps.events()) {
                .agentStarted()
            }
        } matching: { issue in
            issue.sourceLocation?.line == line && issue.sourceLocation?.fileName == "FailureMessageTests.swift"
        }
    }
}
