import AgentEventsTesting
import Testing

@testable import AgentEvents

/// What a model is told of a thread, by short threads.
@Suite struct TranscriptFoldTests {
    // MARK: Threads in few words

    private static func ask(
        _ text: String,
        _ id: MessageID,
        replaces: MessageID? = nil,
        givenTo run: RunID? = nil
    ) -> EventDraft {
        EventDraft(
            .userMessage(UserMessage(messageID: id, userID: "u_1", text: text, replaces: replaces, givenTo: run)))
    }

    private static func start(
        _ run: RunID,
        _ messages: [MessageID] = [],
        parent: RunID? = nil,
        retryOf: RunID? = nil
    ) -> EventDraft {
        EventDraft(
            runID: run, agent: "guide",
            .agentStarted(AgentStarted(parentRunID: parent, messageIDs: messages, retryOf: retryOf)))
    }

    private static func queue(_ run: RunID, _ messages: [MessageID] = []) -> EventDraft {
        EventDraft(runID: run, agent: "guide", .agentQueued(AgentQueued(messageIDs: messages)))
    }

    private static func say(_ text: String, _ id: MessageID, _ run: RunID = "r_1") -> EventDraft {
        EventDraft(runID: run, .messageDelta(MessageDelta(messageID: id, text: text)))
    }

    private static func complete(
        _ text: String,
        _ id: MessageID,
        _ run: RunID = "r_1",
        interrupted: Bool = false,
        role: MessageRole = .assistant
    ) -> EventDraft {
        EventDraft(
            runID: run,
            .messageCompleted(
                MessageCompleted(messageID: id, role: role, text: text, isInterrupted: interrupted)))
    }

    private static func call(_ id: CallID, _ run: RunID = "r_1") -> EventDraft {
        EventDraft(runID: run, .toolExecuting(ToolExecuting(callID: id, tool: "search", arguments: ["q": 1])))
    }

    private static func result(
        _ id: CallID,
        _ value: JSONValue? = nil,
        _ run: RunID = "r_1",
        status: ToolStatus = .succeeded,
        error: ToolFailure? = nil
    ) -> EventDraft {
        EventDraft(
            runID: run,
            .toolCompleted(
                ToolCompleted(
                    callID: id, tool: "search", status: status, result: value, error: error, durationMilliseconds: 1)))
    }

    private static func take(_ messages: [MessageID], _ run: RunID = "r_1") -> EventDraft {
        EventDraft(runID: run, .inputTaken(InputTaken(messageIDs: messages)))
    }

    private static func end(_ run: RunID = "r_1") -> EventDraft {
        EventDraft(runID: run, .agentCompleted(AgentCompleted(durationMilliseconds: 1)))
    }

    private static func cancel(_ run: RunID, discarded: Bool = false, reason: String? = nil) -> EventDraft {
        EventDraft(
            runID: run,
            .agentCancelled(AgentCancelled(reason: reason, isDiscarded: discarded, durationMilliseconds: 1)))
    }

    private static func events(_ drafts: [EventDraft]) -> [AgentEvent] {
        drafts.enumerated().map { index, draft in
            AgentEvent(
                id: EventID(generation: 1, sequence: UInt64(index + 1)), threadID: "t_1", runID: draft.runID,
                agent: draft.runID == nil ? nil : "guide", time: Timestamp(milliseconds: 0), payload: draft.payload)
        }
    }

    private static func fold(_ drafts: [EventDraft], _ fold: TranscriptFold = TranscriptFold()) -> TranscriptFold {
        var fold = fold
        for event in events(drafts) { fold.apply(event) }
        return fold
    }

    /// A transcript in words: `u:text`, `a:text` with the calls after it.
    static func words(_ transcript: Transcript) -> [String] {
        transcript.items.map { item in
            switch item {
            case .user(let message):
                "u:\(message.text)"
            case .assistant(let turn):
                "a:" + turn.thoughts.map { "(\($0))" }.joined() + turn.text
                    + turn.calls.map { call in
                        switch call.result {
                        case .succeeded(let value):
                            " \(call.id)=\(value.map { String(decoding: $0.encoded(), as: UTF8.self) } ?? "nil")"
                        case .failed(let code, _): " \(call.id)!\(code)"
                        }
                    }.joined()
            }
        }
    }

    // MARK: Tables

    private static let question = [ask("one", "m_1"), start("r_1", ["m_1"])]

    /// A thread, mostly one in which a run answers the message `one`.
    struct Told: Sendable {
        let name: String
        let drafts: [EventDraft]
        let words: [String]

        init(_ name: String, asked: Bool = true, _ drafts: [EventDraft], _ words: [String]) {
            self.name = name
            self.drafts = (asked ? TranscriptFoldTests.question : []) + drafts
            self.words = words
        }
    }

    static let threads: [Told] = [
        Told("nothing", asked: false, [], []),
        Told("a question that nobody takes", asked: false, [ask("one", "m_1")], []),
        Told("a question that is queued", asked: false, [ask("one", "m_1"), queue("r_1", ["m_1"])], []),
        Told(
            "a question that was queued", asked: false, [ask("one", "m_1"), queue("r_1", ["m_1"]), start("r_1")],
            ["u:one"]),
        Told("an answer", [say("He", "a"), say("llo", "a"), complete("Hello", "a"), end()], ["u:one", "a:Hello"]),
        Told("an answer under way", [say("He", "a")], ["u:one", "a:He"]),
        Told("an answer without fragments", [complete("Hello", "a")], ["u:one", "a:Hello"]),
        Told("two messages of one turn", [complete("A", "a"), complete("B", "b")], ["u:one", "a:A\n\nB"]),
        Told("an empty answer", [complete("", "a"), end()], ["u:one"]),
        Told(
            "calls that end in another order",
            [say("I look", "a"), call("c_1"), call("c_2"), result("c_2", 2), result("c_1", 1), say("So", "b")],
            ["u:one", "a:I look c_1=1 c_2=2", "a:So"]
        ),
        Told("a call that is open", [call("c_1")], ["u:one", "a: c_1!tool.open"]),
        Told(
            "a call beside one that is open", [call("c_1"), call("c_2"), result("c_1", 1), call("c_3")],
            ["u:one", "a: c_1=1 c_2!tool.open", "a: c_3!tool.open"]
        ),
        Told(
            "an id that is used again", [call("c_1"), result("c_1", 1), call("c_1"), result("c_1", 2)],
            ["u:one", "a: c_1=1", "a: c_1=2"]
        ),
        Told(
            "calls that did not succeed",
            [
                call("c_1"), call("c_2"), call("c_3"), call("c_4"),
                result("c_1", status: .denied, error: .approvalDenied),
                result("c_2", status: .timedOut), result("c_3", status: .failed, error: .lost),
                result("c_4", status: .cancelled, error: .abandoned),
            ],
            ["u:one", "a: c_1!approval.denied c_2!tool.timed_out c_3!tool.lost c_4!tool.abandoned"]
        ),
        Told(
            "a message over a result", [say("A", "a"), call("c_1"), result("c_1", 1), say("B", "a")],
            ["u:one", "a:A c_1=1", "a:B"]
        ),
        Told(
            "the same, completed",
            [say("A", "a"), call("c_1"), result("c_1", 1), say("B", "a"), complete("AB", "a")],
            ["u:one", "a:A c_1=1", "a:B"]
        ),
        Told(
            "a turn that broke off",
            [say("Hal", "a"), complete("Hal", "a", interrupted: true), say("Hello", "b"), complete("Hello", "b")],
            ["u:one", "a:Hello"]
        ),
        Told("a turn that broke off, so far", [say("H", "a"), complete("H", "a", interrupted: true)], ["u:one"]),
        Told("a message of another role", [complete("x", "a", role: .tool), complete("y", "b")], ["u:one", "a:y"]),
        Told(
            "input taken",
            [ask("two", "m_2", givenTo: "r_1"), say("A", "a"), take(["m_2"]), say("B", "b")],
            ["u:one", "a:A", "u:two", "a:B"]
        ),
        Told("input that waits", [ask("two", "m_2", givenTo: "r_1"), say("A", "a")], ["u:one", "a:A"]),
        Told(
            "input that nobody took",
            [
                ask("two", "m_2", givenTo: "r_1"), say("A", "a"), end(), queue("r_2", ["m_2"]), start("r_2", ["m_2"]),
            ],
            ["u:one", "a:A", "u:two"]
        ),
        Told(
            "input in the middle of calls",
            [ask("two", "m_2", givenTo: "r_1"), call("c_1"), take(["m_2"]), result("c_1", 1), say("B", "b")],
            ["u:one", "a: c_1=1", "u:two", "a:B"]
        ),
        Told(
            "runs that are merged",
            [
                ask("two", "m_2"), queue("r_2", ["m_2"]), ask("three", "m_3"), queue("r_3", ["m_3"]), say("A", "a"),
                end(),
                cancel("r_3", reason: "merged"), start("r_2", ["m_2", "m_3"]), say("B", "b", "r_2"),
            ],
            ["u:one", "a:A", "u:two", "u:three", "a:B"]
        ),
        Told(
            "a queued run that was stopped",
            [ask("two", "m_2"), queue("r_2", ["m_2"]), end(), cancel("r_2"), start("r_3")], ["u:one"]
        ),
        Told(
            "a question that came before the answer to the one before",
            [ask("two", "m_2"), queue("r_2", ["m_2"]), say("A", "a"), end(), start("r_2", ["m_2"])],
            ["u:one", "a:A", "u:two"]
        ),
        Told(
            "a run that is discarded",
            [
                say("A", "a"), call("c_1"), result("c_1", 1), say("B", "b"), cancel("r_1", discarded: true),
                ask("two", "m_2", replaces: "m_1"), start("r_2", ["m_2"]), say("C", "c", "r_2"),
            ],
            ["u:two", "a:C"]
        ),
        Told(
            "a run that is superseded",
            [say("A", "a"), complete("A", "a"), cancel("r_1"), ask("two", "m_2"), start("r_2", ["m_2"])],
            ["u:one", "a:A", "u:two"]
        ),
        Told(
            "a run that is done again",
            [say("A", "a"), end(), start("r_2", ["m_1"], retryOf: "r_1"), say("B", "b", "r_2")],
            ["u:one", "a:A", "u:one", "a:B"]
        ),
        Told(
            "a child",
            [
                call("c_1"), start("r_2", parent: "r_1"), say("child", "b", "r_2"), call("c_1", "r_2"),
                result("c_1", 9, "r_2"), end("r_2"), result("c_1", 1), say("A", "a"),
            ],
            ["u:one", "a: c_1=1", "a:A"]
        ),
        Told(
            "a run that names no messages", asked: false, [ask("one", "m_1"), start("r_1"), say("A", "a")],
            ["u:one", "a:A"]),
        Told(
            "a run that names none, beside a queue", asked: false,
            [ask("one", "m_1"), queue("r_1", ["m_1"]), ask("two", "m_2"), start("r_2")],
            ["u:two"]
        ),
        Told(
            "two runs at once",
            [
                ask("two", "m_2"), start("r_2", ["m_2"]), say("A", "a"), say("B", "b", "r_2"), say("1", "a"),
                say("2", "b", "r_2"),
            ],
            ["u:one", "u:two", "a:A1", "a:B2"]
        ),
    ]

    @Test(arguments: threads.indices) func aThreadIsToldInOrder(_ number: Int) {
        let told = Self.threads[number]
        let transcript = Self.fold(told.drafts).closed()
        #expect(Self.words(transcript) == told.words, "\(told.name)")
        #expect(transcript.isComplete)
    }

    @Test func whatBelongsToAMessageAndACallIsTold() {
        let message = UserMessage(messageID: "m_1", userID: "u_7", text: "one", data: ["n": 1])
        let fold = Self.fold([
            EventDraft(.userMessage(message)), Self.start("r_1", ["m_1"]), Self.call("c_1"),
            Self.result("c_1", status: .denied, error: .approvalDenied),
        ])
        let sentence =
            "The call was not approved and was not carried out: the request for approval was denied; the call did not begin "
            + "(approval.denied)."
        #expect(
            fold.closed().items == [
                .user(TranscriptMessage(id: "m_1", author: "u_7", text: "one", data: ["n": 1])),
                .assistant(
                    TranscriptTurn(
                        run: "r_1", agent: "guide",
                        calls: [
                            TranscriptCall(
                                id: "c_1", tool: "search", arguments: ["q": 1],
                                result: .failed(code: "approval.denied", sentence: sentence))
                        ])),
            ])
        #expect(fold.cursor == EventID(generation: 1, sequence: 4))
    }

    @Test func thoughtsAreThereWhenTheyAreAskedFor() {
        func think(_ text: String, _ id: ThoughtID) -> EventDraft {
            EventDraft(runID: "r_1", .agentThinking(AgentThinking(thoughtID: id, text: text)))
        }
        let drafts =
            Self.question + [
                think("I lo", "th_1"), think("ok", "th_1"), think("again", "th_2"), Self.call("c_1"),
                Self.result("c_1", 1),
                think("so", "th_3"), Self.say("Yes", "a"),
            ]
        #expect(Self.words(Self.fold(drafts).closed()) == ["u:one", "a: c_1=1", "a:Yes"])
        let thinking = Self.fold(drafts, TranscriptFold(includesThoughts: true)).closed()
        #expect(Self.words(thinking) == ["u:one", "a:(I look)(again) c_1=1", "a:(so)Yes"])
    }

    /// The transcript of a child is of what it does alone.
    @Test func aChildHasItsOwn() {
        let drafts =
            Self.question + [
                Self.call("c_1"), Self.start("r_2", parent: "r_1"), Self.say("child", "b", "r_2"),
                Self.start("r_3", parent: "r_2"), Self.say("below", "c", "r_3"), Self.say("A", "a"),
            ]
        let child = Self.fold(drafts, TranscriptFold().emptied(for: "r_2", isComplete: true)).closed()
        #expect(Self.words(child) == ["a:child"])
    }

    // MARK: Limits

    @Test func theOldestItemsGoAsAWhole() {
        var limits = TranscriptFold.Limits()
        limits.itemCount = 3
        var drafts: [EventDraft] = Self.question
        drafts += [Self.call("c_1"), Self.result("c_1", 1), Self.say("A", "a"), Self.end()]
        #expect(Self.fold(drafts, TranscriptFold(limits: limits)).closed().isComplete)
        drafts += [Self.ask("two", "m_2"), Self.start("r_2", ["m_2"])]
        let cut = Self.fold(drafts, TranscriptFold(limits: limits)).closed()
        #expect(Self.words(cut) == ["a: c_1=1", "a:A", "u:two"])
        #expect(!cut.isComplete)
    }

    @Test func bytesAreLimitedAndTheLastItemStays() {
        var limits = TranscriptFold.Limits()
        limits.byteCount = 10
        let long = String(repeating: "x", count: 50)
        let drafts = Self.question + [Self.say(long, "a"), Self.complete(long, "a"), Self.end()]
        let cut = Self.fold(drafts, TranscriptFold(limits: limits)).closed()
        #expect(Self.words(cut) == ["a:" + long])
        #expect(!cut.isComplete)
    }

    /// A call that waits for its result is not dropped, however much is said beside it.
    @Test func whatIsOpenStays() {
        var limits = TranscriptFold.Limits()
        limits.itemCount = 2
        var drafts = Self.question + [Self.call("c_1")]
        for number in 2...6 {
            let run = RunID(stringLiteral: "r_\(number)")
            let message = MessageID(stringLiteral: "m_\(number)")
            drafts += [Self.ask("\(number)", message), Self.start(run, [message]), Self.end(run)]
        }
        drafts.append(Self.result("c_1", 1))
        #expect(Self.words(Self.fold(drafts, TranscriptFold(limits: limits)).closed()) == ["a: c_1=1", "u:6"])
    }

    /// Messages that wait for nobody do not gather.
    @Test func messagesThatNobodyTakesAreLimited() {
        var limits = TranscriptFold.Limits()
        limits.itemCount = 3
        let drafts = (1...20).map { Self.ask("\($0)", MessageID(stringLiteral: "m_\($0)")) } + [Self.start("r_1")]
        let transcript = Self.fold(drafts, TranscriptFold(limits: limits)).closed()
        #expect(Self.words(transcript) == ["u:18", "u:19", "u:20"])
        #expect(!transcript.isComplete)
    }
}
