import AgentEvents
import AgentEventsTesting
import Testing

/// Fragments of senders that cut a text between UTF-16 code units: a character that was cut is whole in the log.
@Suite struct SplitCharacterTests {
    /// A thread with one run, and what its `message_delta` events say in the log.
    private struct Thread {
        var machine: ThreadStateMachine
        private(set) var texts: [String] = []

        init(maximumMessageByteCount: Int = 1000) {
            machine = ThreadStateMachine(policy: .standard, maximumMessageByteCount: maximumMessageByteCount)
            _ = machine.start("r_1")
        }

        /// Emits a fragment as it stands in JSON, between quotation marks.
        mutating func emit(_ json: String, message: String = "m_1") throws -> OrderRule? {
            let text = #"{"type":"message_delta","run_id":"r_1","data":{"message_id":"\#(message)","text":"\#(json)"}}"#
            let draft = try EventDecoder.decodeDraft(JSONValue(parsing: Array(text.utf8)), path: "$", thread: "t_1")
            let action = machine.receive(draft, at: Timestamp(milliseconds: 1))
            if case .messageDelta(let delta)? = action.acceptance?.payload(of: draft) { texts.append(delta.text) }
            return action.rule
        }

        /// What the message is completed with when its run ends now.
        mutating func closedText() -> String? {
            let closing = machine.receive("r_1", .fail).acceptance?.closing ?? []
            return closing.compactMap { event -> String? in
                if case .messageCompleted(let completed) = event.payload { completed.text } else { nil }
            }.first
        }
    }

    struct Cut: Sendable, CustomTestStringConvertible {
        var fragments: [String]
        var texts: [String]
        var closed: String
        var testDescription: String { "\(fragments)" }

        init(_ fragments: [String], _ texts: [String], closed: String? = nil) {
            self.fragments = fragments
            self.texts = texts
            self.closed = closed ?? texts.joined()
        }
    }

    @Test(arguments: [
        Cut([#"Hi \ud83d"#, #"\ude00!"#], ["Hi ", "😀!"]),
        Cut([#"\ud83d"#, #"\ude00"#], ["", "😀"]),
        Cut([#"\ud83d\ude00"#], ["😀"]),
        Cut([#"a\ud83d"#, #"\ude00\ud83d"#, #"\ude01b"#], ["a", "😀", "😁b"]),
        // An empty fragment in between breaks nothing off.
        Cut([#"a\ud83d"#, "", #"\ude00"#], ["a", "", "😀"]),
        // The other half does not come.
        Cut([#"a\ud83d"#, "b"], ["a", "\u{FFFD}b"]),
        Cut([#"a\ud83d"#, #"\ud83d"#, #"\ude00"#], ["a", "\u{FFFD}", "😀"]),
        Cut([#"a\ud83d"#], ["a"], closed: "a\u{FFFD}"),
        Cut([#"a\ud83d"#, ""], ["a", ""], closed: "a\u{FFFD}"),
        // There was no first half, as after a restart in between.
        Cut([#"\ude00b"#], ["\u{FFFD}b"]),
        Cut(["a", #"\ude00"#], ["a", "\u{FFFD}"]),
        // Turned around, in the middle, and beside other escapes.
        Cut([#"\ude00\ud83d"#], ["\u{FFFD}"], closed: "\u{FFFD}\u{FFFD}"),
        Cut([#"a\ud83db"#, #"\ude00"#], ["a\u{FFFD}b", "\u{FFFD}"]),
        Cut([#"\ud83d\u0000"#, "x"], ["\u{FFFD}\0", "x"]),
        Cut([#"\ud83d\n\ude00"#], ["\u{FFFD}\n\u{FFFD}"]),
        Cut([#"\ud83d\ud83d\ude00\ude00"#], ["\u{FFFD}😀\u{FFFD}"]),
    ])
    func halvesAreJoinedOrReplaced(_ cut: Cut) throws {
        var thread = Thread()
        for fragment in cut.fragments { #expect(try thread.emit(fragment) == nil) }
        #expect(thread.texts.map { Array($0.unicodeScalars) } == cut.texts.map { Array($0.unicodeScalars) })
        #expect(thread.machine.openMessageText("m_1", in: "r_1") == cut.closed)
        #expect(thread.closedText() == cut.closed)
    }

    @Test func eachMessageWaitsForItsOwnHalf() throws {
        var thread = Thread()
        #expect(try thread.emit(#"a\ud83d"#) == nil)
        #expect(try thread.emit(#"b\ud83e"#, message: "m_2") == nil)
        #expect(thread.machine.receive("r_1", .call("c_1")).rule == nil)
        #expect(try thread.emit(#"\ude00"#) == nil)
        #expect(try thread.emit(#"\udd16"#, message: "m_2") == nil)
        #expect(thread.texts == ["a", "b", "😀", "🤖"])
    }

    @Test func aRefusedFragmentLeavesTheHalf() throws {
        var thread = Thread(maximumMessageByteCount: 8)
        #expect(try thread.emit(#"abc\ud83d"#) == nil)
        let before = thread.machine
        #expect(try thread.emit(#"\ude0012345"#) == .messageTooLong)
        #expect(thread.machine == before)
        #expect(try thread.emit(#"\ude001"#) == nil)
        // What waits counts, so that the event that completes the message has room for what stands for it.
        #expect(try thread.emit(#"\ud83d"#) == .messageTooLong)
        #expect(thread.closedText() == "abc😀1")
    }

    @Test func theWholeTextIsAnotherEvents() throws {
        var thread = Thread()
        #expect(try thread.emit(#"a\ud83d"#) == nil)
        #expect(thread.machine.receive("r_1", .message("m_1")).rule == nil)
        #expect(try thread.emit(#"\ude00"#) == .messageClosed)
        #expect(thread.machine.receive("r_1", .complete).rule == nil)
    }

    /// Random texts in random pieces, of several messages at once: what is logged is the text, and no half is left.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func aTextThatIsCutAnywhereIsTheSameText(seed: UInt64) throws {
        var randomness = SeededGenerator(seed: seed)
        var thread = Thread(maximumMessageByteCount: 100_000)
        let alphabet: [UInt16] = [0x61, 0xE9, 0x3042, 0xD83D, 0xDE00, 0xD83D, 0xDE00, 0xD83E, 0xDD16, 0x0A]
        var sent: [[UInt16]] = [[], []]
        var logged = ["", ""]
        for _ in 0..<40 {
            let units = (0..<randomness.below(5)).map { _ in alphabet[randomness.below(alphabet.count)] }
            let message = randomness.below(2)
            let count = thread.texts.count
            let json = units.map { "\\u" + String(UInt32(0x10000) + UInt32($0), radix: 16).dropFirst() }.joined()
            #expect(try thread.emit(json, message: "m_\(message)") == nil)
            sent[message] += units
            logged[message] += thread.texts[count]
            let id = try MessageID("m_\(message)")
            let text = String(decoding: sent[message], as: UTF16.self)
            let closed = thread.machine.openMessageText(id, in: "r_1")
            #expect(closed.map { Array($0.unicodeScalars) } == Array(text.unicodeScalars), "seed \(seed)")
            #expect(text.unicodeScalars.starts(with: logged[message].unicodeScalars), "seed \(seed)")
        }
    }
}
