import AgentEvents
import AgentEventsProtocol
import NIOCore
import Testing

@testable import AgentEventsInterop

/// The frames of every protocol for every range of a thread, by the rules of its clients.
@Suite
struct FrameMachineTests {
    /// The machine after a range of a thread.
    static func page(
        _ thread: RecordedThread,
        _ frameProtocol: FrameProtocol,
        after: Int = 0,
        upTo: Int? = nil
    ) throws -> any FrameMachine {
        var machine = frameProtocol.machine(at: place(thread, after: after))
        try feed(thread, to: &machine, after: after, upTo: upTo)
        return machine
    }

    private static func place(_ thread: RecordedThread, after: Int) -> FramePlace {
        let position = after == 0 ? nil : thread.events[after - 1].id
        return FramePlace(
            thread: RecordedThread.thread, after: position.map { .after($0) } ?? .start, position: position,
            start: UInt64(after), head: thread.events.last?.id, state: ThreadState(folding: thread.events.prefix(after))
        )
    }

    private static func feed(
        _ thread: RecordedThread,
        to machine: inout any FrameMachine,
        after: Int,
        upTo: Int? = nil
    ) throws {
        for event in thread.events.prefix(after) { machine.note(event) }
        machine.begin()
        for event in thread.events[after..<(upTo ?? thread.events.count)] {
            machine.receive(event, try stored(event))
        }
    }

    private static func stored(_ event: AgentEvent) throws -> StoredEvent {
        StoredEvent(thread: event.threadID, id: event.id, bytes: try EventEncoder.encode(event))
    }

    private static func texts(_ stream: FrameStream?) -> [String] { stream?.frames.map(\.text) ?? [] }

    private static func faults(_ machine: any FrameMachine) -> [String] {
        machine.streams.compactMap { $0.fault.map { "\($0.fault)" } }
    }

    /// A run with questions, what comes after the answers, and another run.
    static func conversation() -> RecordedThread {
        var thread = RecordedThread.everything()
        thread.goOn()
        thread.ask("And now?", message: "m_v")
        thread.start("r_5")
        thread.say("r_5", "Now ")
        thread.said("r_5", "Now this", "m_1")
        thread.fail("r_5")
        return thread
    }

    @Test(arguments: FrameProtocol.allCases)
    func noClientFindsAFaultWhereverItJoins(frameProtocol: FrameProtocol) throws {
        let thread = Self.conversation()
        for after in 0...thread.events.count {
            let machine = try Self.page(thread, frameProtocol, after: after)
            #expect(Self.faults(machine) == [], "after \(after)")
            #expect(machine.rules.count > 4)
            let told = machine.streams.flatMap(\.frames).filter { !$0.joins }.compactMap(\.event?.sequence)
            #expect(told.allSatisfy { $0 > UInt64(after) })
        }
    }

    /// Questions side by side, and an answer that is given again.
    @Test(arguments: FrameProtocol.allCases)
    func noClientFindsAFaultBesideQuestionsAndRunsThatAreDoneAgain(frameProtocol: FrameProtocol) throws {
        var thread = RecordedThread.asksTwice()
        thread.resolve("r_1", "a_1")
        thread.called("r_1", "c_1", "write")
        thread.resolve("r_1", "a_2")
        thread.called("r_1", "c_2", "write")
        thread.finish()
        thread.start("r_2", answering: "m_u", retryOf: "r_1")
        thread.said("r_2", "Again.")
        thread.complete("r_2")
        for after in 0...thread.events.count {
            #expect(Self.faults(try Self.page(thread, frameProtocol, after: after)) == [], "after \(after)")
        }
    }

    /// The frames of the route are the bytes of the stream that a client is served.
    @Test(arguments: [AGUIDialect.version1, .version0])
    func aClientOfAGUIThatJoinsIsToldWhatTheRouteShows(dialect: AGUIDialect) throws {
        let thread = RecordedThread.everything()
        for after in 2..<thread.events.count {
            var machine = AGUIStateMachine(
                dialect, thread: "t_1", run: "r_1", root: "r_1", start: UInt64(after), isJoin: true)
            for event in thread.events.prefix(after) { machine.note(event) }
            var frames = machine.begin()
            for event in thread.events.dropFirst(after) { frames += machine.receive(event) }
            var buffer = ByteBuffer()
            for frame in frames { frame.write(to: &buffer) }
            let page = try Self.page(thread, dialect == .version1 ? .agui1 : .agui0, after: after)
            #expect(page.streams.count == 1)
            #expect(Self.texts(page.streams.first).joined() == String(buffer: buffer), "after \(after)")
        }
    }

    @Test
    func aRunIsAStreamAndSoIsWhatFollowsItsQuestions() throws {
        let thread = Self.conversation()
        for frameProtocol in [FrameProtocol.agui1, .agui0, .aiSDK] {
            let streams = try Self.page(thread, frameProtocol).streams
            #expect(streams.map(\.run) == ["r_1", "r_1", "r_5"])
            #expect(streams.allSatisfy { $0.hasEnded })
            #expect(streams.allSatisfy { $0.leftOutCount == 0 && !$0.frames.contains(where: \.joins) })
        }
        let streams = try Self.page(thread, .agui1).streams
        #expect(Self.texts(streams[0]).last?.contains(#""type":"interrupt""#) == true)
        #expect(Self.texts(streams[1])[1].contains("MESSAGES_SNAPSHOT"))
        #expect(Self.texts(streams[2]).last?.contains("RUN_ERROR") == true)
        #expect(streams[2].frames.last?.event == thread.events.last?.id)
        let chats = try Self.page(thread, .aiSDK).streams
        #expect(chats.allSatisfy { $0.frames.last?.text == "data: [DONE]\n\n" })
        // Everybody has the whole of the same message, in two answers.
        #expect(Self.texts(chats[1])[0].contains(#""messageId":"r_1""#))
    }

    @Test
    func aClientOfTheAISDKThatJoinsIsToldItsMessageFromTheStart() throws {
        var thread = RecordedThread.everything(asks: false)
        thread.finish()
        let whole = Self.texts(try Self.page(thread, .aiSDK).streams.first)
        for after in 2..<thread.events.count {
            let stream = try #require(try Self.page(thread, .aiSDK, after: after).streams.first)
            #expect(Self.texts(stream) == whole)
            #expect(stream.frames.first?.joins == true)
            #expect(stream.frames.last?.joins == false)
            #expect(stream.frames.filter(\.joins).allSatisfy { $0.event.map { $0.sequence <= UInt64(after) } ?? true })
        }
        // With nothing under way there is nothing to resume.
        #expect(try Self.page(thread, .aiSDK, after: thread.events.count).streams.isEmpty)
    }

    /// Two runs beside each other: a client resumes the one that works, and the answer to the other is a stream of its own.
    @Test
    func aRunThatWaitsIsToldOnceItsQuestionIsAnswered() throws {
        var thread = RecordedThread()
        thread.start("r_1")
        thread.call("r_1", "c_1")
        thread.request("r_1", "a_1", call: "c_1")
        thread.start("r_2")
        thread.say("r_2", "Beside", "m_2")
        let place = thread.events.count
        thread.resolve("r_1", "a_1")
        thread.called("r_1", "c_1")
        thread.complete("r_1")
        thread.said("r_2", "Beside it", "m_2")
        thread.complete("r_2")
        for frameProtocol in [FrameProtocol.agui1, .agui0, .aiSDK] {
            let machine = try Self.page(thread, frameProtocol, after: place)
            #expect(machine.streams.map(\.run) == ["r_2", "r_1"])
            #expect(Self.faults(machine) == [] && machine.streams.allSatisfy { $0.hasEnded })
        }
    }

    @Test
    func whatHasNoBeginningAnyLongerIsNotResumed() throws {
        var thread = RecordedThread.everything(asks: false)
        thread.finish()
        let place = FrameMachineTests.place(thread, after: 8)
        var machine = FrameProtocol.aiSDK.machine(at: place)
        for event in thread.events[5..<8] { machine.note(event) }
        machine.begin()
        for event in thread.events[8...] { machine.receive(event, try Self.stored(event)) }
        #expect(machine.streams.isEmpty)
    }

    @Test
    func theOwnFormsHaveAFrameForEachEvent() throws {
        let thread = RecordedThread.everything()
        for (frameProtocol, first) in [
            (FrameProtocol.events, #"{"op":"subscribed","thread_id":"t_1","after":"3-4","head":"3-26"}"#),
            (
                .serverSentEvents,
                "data: {\"op\":\"subscribed\",\"thread_id\":\"t_1\",\"after\":\"3-4\",\"head\":\"3-26\"}\n\n"
            ), (.socketIO, #"40/threads/t_1,{"sid":"SID","pid":"PID.3-4"}"#),
        ] {
            let stream = try #require(try Self.page(thread, frameProtocol, after: 4, upTo: 10).streams.first)
            #expect(stream.frames.map { $0.event?.sequence } == [nil, 5, 6, 7, 8, 9, 10])
            #expect(stream.frames.first?.text == first)
            let json = String(decoding: try EventEncoder.encode(thread.events[4]), as: UTF8.self)
            let second =
                switch frameProtocol {
                case .serverSentEvents: "id: 3-5\ndata: \(json)\n\n"
                case .socketIO: #"42/threads/t_1,["event",\#(json),"3-5"]"#
                default: json
                }
            #expect(stream.frames[1].text == second)
        }
    }

    @Test
    func whatAClientIsToldOfALongPastIsCutAndCounted() throws {
        var thread = RecordedThread()
        thread.ask("Go", message: "m_u")
        thread.start("r_1")
        for number in 0..<1200 { thread.say("r_1", "\(number) ") }
        let stream = try #require(try Self.page(thread, .aiSDK, after: 1200).streams.first)
        #expect(stream.frames.filter(\.joins).count == FrameStream.maximumJoinCount)
        #expect(stream.leftOutCount == 1201 - FrameStream.maximumJoinCount)
        #expect(stream.frames.filter { !$0.joins }.count == 2)
        #expect(stream.fault == nil)
    }

    // MARK: Faults

    /// Tells no ends of texts.
    private struct Forgetful: StreamTranslation {
        var machine: AGUIStateMachine
        var hasEnded: Bool { machine.hasEnded }
        mutating func note(_ event: AgentEvent) { machine.note(event) }
        mutating func begin() -> [StreamFrame] { machine.begin() }
        mutating func breakOff(_ cause: StreamBreak) -> StreamEnd { machine.breakOff(cause) }
        mutating func receive(_ event: AgentEvent) -> [StreamFrame] {
            machine.receive(event).filter { $0.json["type"] != "TEXT_MESSAGE_END" }
        }
    }

    private struct ForgetfulSource: FrameSource {
        static let replays = false
        static let ending: StaticString = ""
        var source = AGUIFrameSource(.version1, RecordedThread.thread)
        var verifier: any FrameVerifier { source.verifier }
        mutating func note(_ event: AgentEvent, root: RunID?) { source.note(event, root: root) }
        func stream(_ root: RunID?, _ beginning: StreamBeginning) -> (Forgetful, any FrameVerifier)? {
            source.stream(root, beginning).map { (Forgetful(machine: $0.0), $0.1) }
        }
    }

    @Test
    func aMachineThatBreaksARuleIsFoundAtItsFrame() throws {
        var thread = RecordedThread()
        thread.ask("Do it", message: "m_u")
        thread.start("r_1")
        thread.said("r_1", "Done.")
        thread.complete("r_1")
        var machine: any FrameMachine = TranslatedFrames(ForgetfulSource(), joining: nil, ThreadState())
        try Self.feed(thread, to: &machine, after: 0)
        let stream = try #require(machine.streams.first)
        #expect(stream.fault?.fault.rule == "RUN_FINISHED comes when nothing is open")
        #expect(stream.fault?.fault.description == "RUN_FINISHED while r_1/m_1 is open")
        #expect(stream.fault?.frame == stream.frames.count - 1)
        let json = FramePage(
            frameProtocol: .agui1, thread: RecordedThread.thread, after: nil, last: thread.events.last?.id, next: nil,
            head: thread.events.last?.id, machine: machine
        ).json
        #expect(json["verdict"]?["holds"] == false)
        #expect(json["verdict"]?["broken"]?["stream"] == 0)
        #expect(json["verdict"]?["broken"]?["frame"] == .integer(stream.frames.count - 1))
        #expect(json["verdict"]?["rules"]?.arrayValue?.contains(.string(stream.fault?.fault.rule ?? "")) == true)
    }

    /// Each own form with an event in a place that is not its own, one that is left out, and one of another thread.
    @Test(arguments: [FrameProtocol.events, .serverSentEvents, .socketIO], 0..<3)
    func theFormsOfThisPackageAreCheckedToo(frameProtocol: FrameProtocol, kind: Int) throws {
        let thread = RecordedThread.everything()
        var machine = frameProtocol.machine(at: Self.place(thread, after: 0))
        machine.begin()
        for (index, event) in thread.events.prefix(5).enumerated() {
            var stored = try Self.stored(event)
            if index == 3 {
                switch kind {
                case 0: stored.bytes = try EventEncoder.encode(thread.events[1])
                case 1: continue
                default:
                    stored.bytes = Array(
                        String(decoding: stored.bytes, as: UTF8.self).replacing("t_1", with: "t_2").utf8)
                }
            }
            machine.receive(event, stored)
        }
        let expected = [
            "an event stands under its own id, whole", "the numbers of the events rise by one",
            "each message is of the thread",
        ]
        #expect(machine.streams[0].fault?.fault.rule == expected[kind])
        #expect(machine.streams[0].fault?.frame == 4)
        #expect(machine.rules.contains(expected[kind]))
    }

    @Test
    func theHeadsOfFramesAreChecked() {
        for (bytes, length) in [
            ([0x81, 2, 0x7B, 0x7D], 2), ([0x82, 2, 0x7B, 0x7D], nil), ([0x01, 2, 0x7B, 0x7D], nil),
            ([0x81, 0x82, 0, 0, 0, 0, 0x7B, 0x7D], nil), ([0x81, 126, 0, 2, 0x7B, 0x7D], nil),
            ([0x81, 126, 0, 126], 126), ([0x81, 127, 0, 0, 0, 0, 0, 0, 0, 2], nil), ([], nil),
        ] as [([UInt8], UInt64?)] {
            #expect(WebSocketHead(ByteBuffer(bytes: bytes)).payloadByteCount == length, "\(bytes)")
        }
    }

    @Test(arguments: [
        "data: {}\n", "data: {}\r\n\n", "event: x\ndata: {}\n\n", "data: {}\ndata: {}\n\n", "id: 3-1\n\n",
    ])
    func aFrameOfServerSentEventsIsOneMessage(text: String) {
        #expect(throws: FrameFault.self) { try SentMessage(ByteBuffer(string: text)) }
    }

    @Test
    func namesThatAreNotThereAreAnsweredWithThoseThatAre() throws {
        for name in [nil, "", "ag-ui", "AI-SDK"] as [String?] {
            let error = #expect(throws: ProtocolError.self) { try FrameProtocol(name: name) }
            #expect(error?.code == .requestInvalid)
            for known in FrameProtocol.allCases { #expect(error?.message.contains(known.rawValue) == true) }
        }
        #expect(try FrameProtocol(name: "ag-ui-0.x") == .agui0)
        #expect(HubNamespaces.name(of: "a/b,c~1") == "/threads/a%2Fb%2Cc~1")
    }
}
