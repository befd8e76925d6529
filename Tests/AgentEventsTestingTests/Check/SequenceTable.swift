import AgentEvents

enum SequenceTable {
    static let legal: [JudgedSequence] = [
        JudgedSequence(
            name: "a call id again after its end",
            steps: [.start, .call(), .callEnd(), .call(), .callProgress(), .callEnd(), .complete]),
        JudgedSequence(name: "nothing", steps: []),
        JudgedSequence(name: "the shortest run", steps: [.start, .complete]),
        JudgedSequence(
            name: "the five steps", steps: [.start, .think(), .call(), .callEnd(), .complete], policy: .canonical),
        JudgedSequence(name: "a failure at once", steps: [.start, .fail]),
        JudgedSequence(name: "a cancellation at once", steps: [.start, .cancel], policy: .canonical),
        JudgedSequence(
            name: "two runs, one after the other", steps: [.start, .complete, .start.of("r_2"), .fail.of("r_2")]),
        JudgedSequence(
            name: "two runs at once",
            steps: [.start, .start.of("r_2"), .think(), .think().of("r_2"), .complete.of("r_2"), .complete]),
        JudgedSequence(
            name: "tools in parallel",
            steps: [
                .start, .call("c_1"), .call("c_2"), .callEnd("c_1"), .callProgress("c_2"), .callEnd("c_2"), .complete,
            ]),
        JudgedSequence(name: "a failed tool", steps: [.start, .call(), .callEnd("c_1", "search", .failed), .complete]),
        JudgedSequence(name: "a message in fragments", steps: [.start, .delta(), .delta(), .message(), .complete]),
        JudgedSequence(name: "a message at once", steps: [.start, .message(), .complete]),
        JudgedSequence(
            name: "two messages at once",
            steps: [.start, .delta("a"), .delta("b"), .message("b"), .message("a"), .complete]),
        JudgedSequence(name: "an approval", steps: [.start, .ask(), .answer(), .complete]),
        JudgedSequence(
            name: "an approval of a call",
            steps: [.start, .call(), .ask(call: "c_1"), .answer(), .callEnd(), .complete]),
        JudgedSequence(name: "a pause", steps: [.start, .pause, .resume, .complete]),
        JudgedSequence(
            name: "a call that ends in a pause", steps: [.start, .call(), .pause, .callEnd(), .resume, .complete]),
        JudgedSequence(name: "a failure in a pause", steps: [.start, .pause, .fail]),
        JudgedSequence(
            name: "a failure in a pause closes what is open",
            steps: [.start, .call(), .delta(), .ask(), .pause, .answer("a_1", .expired), .message(), .callEnd(), .fail]),
        JudgedSequence(
            name: "a child", steps: [.start, .child("r_2", of: "r_1"), .complete.of("r_2", agent: "finder"), .complete]),
        JudgedSequence(
            name: "a child of a call",
            steps: [
                .start, .call(), .child("r_2", of: "r_1", call: "c_1"), .fail.of("r_2", agent: "finder"), .callEnd(),
                .complete,
            ]),
        JudgedSequence(name: "events of the thread", steps: [.user, .start, .state, .complete, .user]),
        JudgedSequence(name: "progress and events of one's own", steps: [.start, .progress, .custom(), .complete]),
        JudgedSequence(name: "from the middle", steps: [.callEnd().at(7), .message(), .complete]),
        JudgedSequence(
            name: "a child from the middle",
            steps: [.child("r_2", of: "r_1").at(7), .complete.of("r_2", agent: "finder")]),
        JudgedSequence(
            name: "merged fragments", steps: [.start, .delta().at(4, from: 2), .message().at(5), .complete]),
        JudgedSequence(name: "merged thoughts", steps: [.start, .think().at(9, from: 2), .complete]),
        JudgedSequence(name: "a new generation", steps: [.start, .fail.at(2, generation: 2)]),
        JudgedSequence(
            name: "two events of one time", steps: [.start.at(1, milliseconds: 5), .complete.at(2, milliseconds: 5)]),
    ]

    static let illegal: [JudgedSequence] = numbering + starts + ends + items + pauses + families + canonical

    private static let numbering = [
        JudgedSequence(name: "a gap", steps: [.start, .complete.at(3)], faults: ["1 seq.gap"]),
        JudgedSequence(name: "a large gap", steps: [.start, .complete.at(900)], faults: ["1 seq.gap"]),
        JudgedSequence(
            name: "a repetition", steps: [.start, .think(), .think().at(2), .complete], faults: ["2 seq.repeated"]),
        JudgedSequence(
            name: "swapped",
            steps: [.start, .progress.at(3), .think().at(2, milliseconds: 1_795_226_400_009), .complete.at(4)],
            faults: ["1 seq.gap", "2 seq.repeated", "3 seq.gap", "3 time.backwards"]),
        JudgedSequence(
            name: "a range that overlaps", steps: [.start, .delta(), .delta().at(4, from: 2), .message(), .complete],
            faults: ["2 seq.repeated"]),
        JudgedSequence(
            name: "a range that leaves a gap", steps: [.start, .delta().at(4, from: 3), .message(), .complete],
            faults: ["1 seq.gap"]),
        JudgedSequence(
            name: "a range of what is not merged", steps: [.start, .progress.at(4, from: 2), .complete],
            faults: ["1 seq.merged"]),
        JudgedSequence(
            name: "a generation that falls", steps: [.start.at(1, generation: 2), .complete],
            faults: ["1 id.generation"]),
        JudgedSequence(
            name: "time goes backwards", steps: [.start, .complete.at(2, milliseconds: 3)], faults: ["1 time.backwards"]
        ),
    ]

    private static let starts = [
        JudgedSequence(
            name: "no start", steps: [.think(), .complete], faults: ["0 order.not_started", "1 order.not_started"]),
        JudgedSequence(name: "only an end", steps: [.complete], faults: ["0 order.not_started"]),
        JudgedSequence(
            name: "a tool before the start", steps: [.call(), .start, .complete], faults: ["0 order.not_started"]),
        JudgedSequence(name: "two starts", steps: [.start, .start, .complete], faults: ["1 order.already_started"]),
        JudgedSequence(
            name: "a run id again", steps: [.start, .complete, .start], faults: ["2 order.already_started"]),
        JudgedSequence(
            name: "an event of the thread in a run", steps: [.start, .user.of("r_1"), .complete],
            faults: ["1 order.not_started"]),
        JudgedSequence(
            name: "an event of a run without one", steps: [Step(Step.think().payload, run: nil, agent: nil)],
            faults: ["0 order.not_started"]),
        JudgedSequence(
            name: "another agent", steps: [.start, .think().of("r_1", agent: "finder"), .complete],
            faults: ["1 order.agent_mismatch"]),
    ]

    private static let ends = [
        JudgedSequence(name: "no end", steps: [.start, .think()], faults: ["0 run.unended"]),
        JudgedSequence(name: "two ends", steps: [.start, .complete, .fail], faults: ["2 order.already_ended"]),
        JudgedSequence(
            name: "a thought after the end", steps: [.start, .fail, .think()], faults: ["2 order.already_ended"]),
        JudgedSequence(
            name: "an end with a call open", steps: [.start, .call(), .complete],
            faults: ["2 order.work_open", "0 run.unended"]),
        JudgedSequence(
            name: "an end with a message open", steps: [.start, .delta(), .complete],
            faults: ["2 order.work_open", "0 run.unended"]),
        JudgedSequence(
            name: "an end with an approval open", steps: [.start, .ask(), .complete],
            faults: ["2 order.work_open", "0 run.unended"]),
        JudgedSequence(
            name: "an end with a child open",
            steps: [.start, .child("r_2", of: "r_1"), .complete, .complete.of("r_2", agent: "finder")],
            faults: ["2 order.work_open", "0 run.unended"]),
        JudgedSequence(
            name: "a failure that closes nothing", steps: [.start, .call(), .fail], faults: ["2 order.work_open"]),
        JudgedSequence(
            name: "a cancellation that leaves a child", steps: [.start, .child("r_2", of: "r_1"), .cancel],
            faults: ["2 order.work_open"]),
        JudgedSequence(
            name: "one of two runs has no end", steps: [.start, .start.of("r_2"), .complete], faults: ["1 run.unended"]),
    ]

    private static let items = [
        JudgedSequence(
            name: "a call id again without a second end", steps: [.start, .call(), .callEnd(), .call(), .complete],
            faults: ["4 order.work_open", "0 run.unended"]),
        JudgedSequence(
            name: "a call id again, ended as the first one's tool",
            steps: [.start, .call(), .callEnd(), .call("c_1", "read"), .callEnd(), .callEnd("c_1", "read"), .complete],
            faults: ["4 order.call_not_open"]),
        JudgedSequence(
            name: "a call that is open again", steps: [.start, .call(), .call(), .callEnd(), .complete],
            faults: ["2 order.call_reused"]),
        JudgedSequence(
            name: "a completion of no call", steps: [.start, .callEnd(), .complete], faults: ["1 order.call_not_open"]),
        JudgedSequence(
            name: "two completions", steps: [.start, .call(), .callEnd(), .callEnd(), .complete],
            faults: ["3 order.call_not_open"]),
        JudgedSequence(
            name: "another tool", steps: [.start, .call(), .callEnd("c_1", "read"), .callEnd(), .complete],
            faults: ["2 order.call_not_open"]),
        JudgedSequence(
            name: "progress of no call", steps: [.start, .callProgress(), .complete], faults: ["1 order.call_not_open"]),
        JudgedSequence(
            name: "a fragment after the message", steps: [.start, .message(), .delta(), .complete],
            faults: ["2 order.message_closed"]),
        JudgedSequence(
            name: "a message twice", steps: [.start, .delta(), .message(), .message(), .complete],
            faults: ["3 order.message_closed"]),
        JudgedSequence(
            name: "a message that is too long",
            steps: [.start, .delta("m_1", String(repeating: "x", count: 990_000)), .complete],
            faults: ["1 order.message_too_long"]),
        JudgedSequence(
            name: "an answer to no question", steps: [.start, .answer(), .complete],
            faults: ["1 order.approval_not_open"]),
        JudgedSequence(
            name: "a second answer", steps: [.start, .ask(), .answer(), .answer(), .complete],
            faults: ["3 order.approval_not_open"]),
        JudgedSequence(
            name: "an approval id again", steps: [.start, .ask(), .answer(), .ask(), .complete],
            faults: ["3 order.approval_reused"]),
        JudgedSequence(
            name: "an approval of no call", steps: [.start, .ask(call: "c_9"), .complete],
            faults: ["1 order.call_not_open"]),
    ]

    private static let pauses = [
        JudgedSequence(
            name: "a thought in a pause", steps: [.start, .pause, .think(), .resume, .complete],
            faults: ["2 order.paused"]),
        JudgedSequence(name: "a pause in a pause", steps: [.start, .pause, .pause, .fail], faults: ["2 order.paused"]),
        JudgedSequence(
            name: "an end in a pause", steps: [.start, .pause, .complete, .resume, .complete],
            faults: ["2 order.paused"]),
        JudgedSequence(
            name: "a message that ends in a pause", steps: [.start, .delta(), .pause, .message(), .resume, .complete],
            faults: ["3 order.paused"]),
        JudgedSequence(
            name: "a pause that closes something and goes on",
            steps: [.start, .call(), .delta(), .pause, .message(), .callEnd(), .resume, .complete],
            faults: ["4 order.paused"]),
        JudgedSequence(
            name: "no pause to resume", steps: [.start, .resume, .complete], faults: ["1 order.not_paused"]),
    ]

    private static let families = [
        JudgedSequence(
            name: "a child of nobody", steps: [.child("r_2", of: "r_1")], faults: ["0 order.parent_not_open"]),
        JudgedSequence(
            name: "a child of an ended run", steps: [.start, .complete, .child("r_2", of: "r_1")],
            faults: ["2 order.parent_not_open"]),
        JudgedSequence(
            name: "a child of a call that is not open",
            steps: [.start, .child("r_2", of: "r_1", call: "c_1"), .complete],
            faults: ["1 order.call_not_open"]),
        JudgedSequence(
            name: "a child in a pause", steps: [.start, .pause, .child("r_2", of: "r_1"), .resume, .complete],
            faults: ["2 order.paused"]),
    ]

    private static let canonical = [
        JudgedSequence(
            name: "a tool before a thought", steps: [.start, .call(), .think(), .complete], policy: .canonical,
            faults: ["1 order.not_canonical", "3 order.not_canonical", "0 run.unended"]),
        JudgedSequence(
            name: "no tool", steps: [.start, .think(), .complete], policy: .canonical,
            faults: ["2 order.not_canonical", "0 run.unended"]),
        JudgedSequence(
            name: "no thought", steps: [.start, .complete], policy: .canonical,
            faults: ["1 order.not_canonical", "0 run.unended"]),
    ]
}
