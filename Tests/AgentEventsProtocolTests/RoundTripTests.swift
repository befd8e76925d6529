import AgentEvents
import AgentEventsProtocol
import Foundation
import Testing

/// One end of a stream reads what the other one writes.
struct RoundTripTests {
    private static let cursor = Cursor(generation: 1_795_230_600, sequence: 42)
    private static let drafts = [
        EventDraft(runID: "r_1", agent: "guide", .agentStarted(AgentStarted(input: ["a": [1e300, nil]]))),
        EventDraft(runID: "r_1", .messageDelta(MessageDelta(messageID: "m_1", text: "🦩\u{0}\"\\ é"))),
        EventDraft(runID: "r_1", .agentCompleted(AgentCompleted(result: 1, durationMilliseconds: 12))),
        EventDraft(.custom(CustomEvent(name: "n", value: nil))),
    ]

    // MARK: Requests

    static let requests: [ClientMessage] =
        [
            ClientMessage(.subscribe(SubscribeRequest(thread: "t_7"))),
            ClientMessage(tag: RequestTag(number: 1), .subscribe(SubscribeRequest(thread: "t_7", start: .start))),
            ClientMessage(
                tag: RequestTag("a"), .subscribe(SubscribeRequest(thread: "t_7", start: .now, merges: false))),
            ClientMessage(
                .subscribe(
                    SubscribeRequest(thread: "a/b", start: .after(cursor), consumer: "phone", snapshot: .onReset))),
            ClientMessage(.subscribe(SubscribeRequest(thread: "t_7", consumer: "phone", snapshot: .atStart))),
            ClientMessage(tag: RequestTag(2), .unsubscribe("t_7")),
            ClientMessage(tag: RequestTag(5), .refresh(token: "a.b.c")),
            ClientMessage(tag: RequestTag(3), .acknowledge("t_7", cursor: cursor)),
            ClientMessage(
                tag: RequestTag(4), .emit(EmitRequest(thread: "t_7", user: "u_1", key: "k_1", drafts: drafts))),
            ClientMessage(.emit(EmitRequest(thread: "t_7", drafts: [drafts[0]]))),
            ClientMessage(.emit(EmitRequest(thread: "t_7", lease: "l_7", key: "k_1", drafts: [drafts[0]]))),
            ClientMessage(tag: RequestTag(8), .serve(ServeRequest(worker: "w_1", agents: ["guide"]))),
            ClientMessage(
                .serve(
                    ServeRequest(
                        worker: "w_1", agents: ["guide", "scout"], capacity: 0, restart: .resume,
                        leases: ["l_7", "l_8"]))),
            ClientMessage(.serve(ServeRequest(worker: "w_1", agents: ["guide"], restart: .again(), leases: []))),
            ClientMessage(.take("l_7")), ClientMessage(tag: RequestTag(9), .decline("l_7", reason: "no room")),
            ClientMessage(.decline("l_7", reason: nil)), ClientMessage(.renew(["l_7"])),
            ClientMessage(.watch(WatchRequest())),
            ClientMessage(
                tag: RequestTag("w"),
                .watch(WatchRequest(text: "pars", status: "running", agent: "guide", limit: 100))),
            ClientMessage(.unwatch), ClientMessage(tag: RequestTag(7), .unwatch),
            ClientMessage(.ping), ClientMessage(tag: RequestTag(5), .ping), ClientMessage(.pong),
        ] + commands.map { ClientMessage(tag: RequestTag(6), .command(CommandRequest(thread: "t_7", key: "k_1", $0))) }

    static let commands: [CommandBody] = [
        CommandBody(.run(.stop, reason: nil)), CommandBody(.run(.stop, reason: "enough"), run: "r_1", asOf: cursor),
        CommandBody(.run(.pause, reason: nil), run: "r_1"), CommandBody(.run(.resume, reason: "go"), asOf: cursor),
        CommandBody(.run(.custom("editor.undo", value: ["steps": 2]), reason: nil), run: "r_1"),
        CommandBody(.value(ContextChange(.set(nil, timeToLive: nil), of: "k"))),
        CommandBody(.value(ContextChange(.set(["a": 1], timeToLive: .milliseconds(1)), of: "é", ifVersion: 0))),
        CommandBody(.value(ContextChange(.remove, of: "k"))),
        CommandBody(.value(ContextChange(.remove, of: "k", ifVersion: 7))),
        CommandBody(.start(StartCommand())),
        CommandBody(.start(StartCommand(agent: "guide", input: [1], policy: .queue, retryOf: "r_1"))),
        CommandBody(.message(MessageCommand(text: "Hello"))),
        CommandBody(
            .message(
                MessageCommand(
                    text: "Hello", agent: "guide", data: [1], policy: .steer, replaces: "m_1",
                    answersApproval: true)),
            asOf: cursor),
        CommandBody(.answer(AnswerCommand("a_1", isApproved: true, data: ["f": 1]))),
    ]

    @Test(arguments: requests)
    func theServiceReadsWhatAClientWrites(_ message: ClientMessage) throws {
        #expect(try ClientMessage.decode(try message.encoded(), maximumBatchEvents: 10) == message)
    }

    @Test func everyOpOfAClientIsWrittenAndRead() {
        let names = Set(Self.requests.map { Self.name($0.operation) })
        #expect(names == Set(OperationName.allCases.filter(\.isSupported)))
    }

    private static func name(_ operation: ClientMessage.Operation) -> OperationName {
        switch operation {
        case .subscribe: .subscribe
        case .unsubscribe: .unsubscribe
        case .acknowledge: .ack
        case .emit: .emit
        case .command: .command
        case .refresh: .refresh
        case .watch: .watch
        case .unwatch: .unwatch
        case .serve: .serve
        case .take: .take
        case .decline: .decline
        case .renew: .renew
        case .ping: .ping
        case .pong: .pong
        }
    }

    /// With what comes next, a state that may come comes at once.
    @Test(arguments: [StartPosition.now, nil])
    func theStateComesFirstWhereNothingElseDoes(start: StartPosition?) throws {
        let request = SubscribeRequest(thread: "t", start: start, snapshot: .onReset)
        let read = try ClientMessage.decode(try ClientMessage(.subscribe(request)).encoded(), maximumBatchEvents: 1)
        #expect(read == ClientMessage(.subscribe(SubscribeRequest(thread: "t", snapshot: .atStart))))
    }

    /// What a draft leaves to the service it leaves to it in another message, too.
    @Test(arguments: [
        #"{"type":"agent_completed","run_id":"r","data":{"result":{"duration_ms":7}}}"#,
        #"{"type":"agent_failed","run_id":"r","data":{"error":{"message":"m"}}}"#,
        #"{"type":"tool_completed","run_id":"r","data":{"call_id":"c","tool":"t","status":"succeeded"}}"#,
        #"{"type":"message_delta","run_id":"r","data":{"message_id":"m","text":"\udc00 in \ud83d"}}"#,
        #"{"type":"message_delta","run_id":"r","data":{"message_id":"m","text":"\ud83d"}}"#,
        #"{"type":"message_delta","run_id":"r","data":{"message_id":"m","text":"\udc00"}}"#,
    ])
    func aDraftIsTheSameDraftInAnotherMessage(_ text: String) throws {
        let draft = try EventDecoder.decodeDraft(
            try JSONValue(parsing: Array(text.utf8)), path: "$", thread: "t_7")
        #expect(draft.isDurationMeasured || draft.halves != nil)
        let message = ClientMessage(.emit(EmitRequest(thread: "t_7", drafts: [draft])))
        #expect(try ClientMessage.decode(try message.encoded(), maximumBatchEvents: 1) == message)
    }

    @Test func aDraftThatCannotBeReadIsNotWritten() {
        let wrong = EventDraft(runID: "r", .agentProgress(AgentProgress(fraction: 2)))
        let request = EmitRequest(thread: "t", drafts: [Self.drafts[0], wrong])
        let error = #expect(throws: WireError.self) { try ClientMessage(.emit(request)).encoded() }
        #expect(error?.code == .invalidValue)
        #expect(error?.path == "$.events[1].data.fraction")
    }

    // MARK: Replies

    static let replies: [ServerMessage] = [
        .event(
            StreamEvent(
                cursor: cursor, firstSequence: 40, threadID: "t_7",
                bytes: Array(
                    (#"{"type":"later","id":"\#(cursor)","seq":42,"from_seq":40,"thread_id":"t_7","#
                        + #""time":"x","data":{"n":1e400}}"#).utf8))),
        .welcome(
            Welcome(
                connection: "c_1", user: "u_1", heartbeatMilliseconds: 25_000,
                limits: WelcomeLimits(
                    maximumMessageByteCount: 1, maximumEventByteCount: 2, maximumBatchEvents: 3,
                    maximumSubscriptions: 4, maximumTextByteCount: 5),
                expiresAt: Timestamp(milliseconds: 1_795_230_600_001))),
        .welcome(Welcome()),
        .subscribed(RequestTag(1), "t_7", after: cursor, head: cursor), .subscribed(nil, "t_7", after: nil, head: nil),
        .unsubscribed(RequestTag("a"), "t_7"), .live("t_7", cursor: cursor), .live("t_7", cursor: nil),
        .reset("t_7", .diverged, oldest: cursor), .reset("t_7", .trimmed, oldest: nil),
        .reset("t_7", .unknown, oldest: nil), .reset("t_7", .unrecognized("later"), oldest: nil),
        .snapshot("t_7", cursor: cursor, state: ["format": 1]), .snapshot("t_7", cursor: nil, state: nil),
        .snapshotPart("t_7", cursor: cursor, part: 1, of: 2, text: #"{"format":1,"a":"🦩"#),
        .emitted(RequestTag(1.5), "t_7", cursors: [cursor, cursor]), .emitted(nil, "t_7", cursors: []),
        .accepted(RequestTag(1), "t_7", CommandAnswer(name: "stop", outcome: .repeated)),
        .accepted(
            nil, "t_7",
            CommandAnswer(
                name: "stop", outcome: .done, cursors: [cursor, cursor], runID: "r_1", messageID: "m_1",
                details: CommandDetails(
                    runs: [
                        CommandDetails.Run(runID: "r_1", status: .waiting, since: cursor, waitingFor: ["a_1", "a_2"])
                    ],
                    left: [CommandDetails.Run(runID: "r_2", status: .queued)], isCursorUnknown: true))),
        .accepted(
            nil, "t_7",
            CommandAnswer(
                name: "pause", outcome: .unchanged,
                details: CommandDetails(runs: [
                    CommandDetails.Run(runID: "r_1", status: nil), CommandDetails.Run(runID: "r_2", status: .paused),
                ]))),
        .accepted(nil, "t_7", CommandAnswer(name: "a.b", outcome: .unchanged, details: CommandDetails())),
        .ping, .drain(reconnectMilliseconds: 12_000), .pong(nil), .pong(RequestTag(1)),
        .error(ProtocolError(.agentsBusy, "busy", isRetryable: true)), .error(whole),
        .unsubscribed(nil, "t_7", code: .threadForbidden),
        .refreshed(RequestTag(5), expiresAt: Timestamp(milliseconds: 1_000)), .refreshed(nil, expiresAt: nil),
        .expiring(inMilliseconds: 30_000), .membersChanged("t_1"),
        .watching(nil), .watching(RequestTag(1)), .unwatched(RequestTag("a")),
        .unwatched(nil, code: .threadsUnlisted),
        .threads(ThreadListNews(threads: [], gone: [], next: nil)),
        .threads(ThreadListNews(threads: [["thread_id": "t_1"]], gone: ["t_2", "a/b"], next: "1-t_1")),
        .serving(nil, leaseMilliseconds: 30_000, kept: nil, lost: nil),
        .serving(RequestTag(1), leaseMilliseconds: 1, kept: ["l_7"], lost: []),
        .run(
            WorkerRun(
                lease: "l_7", attempt: 2, thread: "t_7", run: "r_1", agent: "guide", user: "u_1",
                prompt: WorkerRun.Prompt(text: "Hello", data: ["n": 1], message: "m_1", author: "u_2"), after: cursor,
                isResumed: true, deadlineMilliseconds: 5000)),
        .run(
            WorkerRun(
                lease: "l_7", thread: "t_7", run: "r_1", agent: "guide", user: "u_1",
                prompt: WorkerRun.Prompt(text: "", message: "m_1", author: "u_2"), after: nil)),
        .renewed(RequestTag(2), leaseMilliseconds: 30_000), .renewed(nil, leaseMilliseconds: 30_000),
        .cancel("l_7", .stopped), .cancel("l_7", .superseded), .cancel("l_7", .deadline), .cancel("l_7", .lost),
        .other(["op": "later", "x": nil]),
    ]
    private static let whole: ProtocolError = {
        var error = ProtocolError(
            .order(.workOpen), "m", isRetryable: true, retryAfterMilliseconds: 1500, index: 2, path: "$.events[2]",
            legal: ["custom"], state: "running", details: ["run_id": "r_1"], threadID: "t_7")
        error.tag = RequestTag("a")
        return error
    }()

    @Test(arguments: replies)
    func aClientReadsWhatTheServiceWrites(_ message: ServerMessage) throws {
        #expect(try ServerMessage(message.encoded()) == message)
    }

    @Test func everyMessageOfTheServiceIsWrittenAndRead() {
        let kinds = Set(Self.replies.map(Self.kind))
        #expect(kinds == Set(1...25))
    }

    private static func kind(_ message: ServerMessage) -> Int {
        switch message {
        case .event: 1
        case .welcome: 2
        case .subscribed: 3
        case .unsubscribed: 4
        case .live: 5
        case .reset: 6
        case .snapshot: 7
        case .snapshotPart: 8
        case .emitted: 9
        case .ping: 10
        case .drain: 11
        case .pong: 12
        case .error: 13
        case .other: 14
        case .accepted: 15
        case .refreshed: 16
        case .expiring: 17
        case .membersChanged: 18
        case .watching: 19
        case .threads: 20
        case .unwatched: 21
        case .serving: 22
        case .run: 23
        case .renewed: 24
        case .cancel: 25
        }
    }

    // MARK: Examples

    /// The examples of the schemas, in the order of their names.
    private static func examples(_ folder: String) throws -> [(name: String, bytes: [UInt8])] {
        let golden = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Schemas/golden")
            .appending(path: folder)
        let files = try FileManager.default.contentsOfDirectory(at: golden, includingPropertiesForKeys: nil)
        return try files.sorted { $0.path < $1.path }.map { ($0.lastPathComponent, Array(try Data(contentsOf: $0))) }
    }

    @Test func theExamplesOfTheServiceAreReadAndWrittenToTheByte() throws {
        let examples = try Self.examples("server")
        #expect(examples.count >= 21)
        for (name, bytes) in examples {
            let message = try ServerMessage(bytes)
            #expect(message.encoded() == bytes, "\(name)")
            if case .other = message { Issue.record("\(name) is not known") }
        }
    }

    @Test func theExamplesOfClientsAreReadAndWritten() throws {
        let examples = try Self.examples("client")
        #expect(examples.count >= 13)
        for (name, bytes) in examples {
            if name == "auth.json" {
                let error = #expect(throws: ProtocolError.self) {
                    try ClientMessage.decode(bytes, maximumBatchEvents: 10)
                }
                #expect(error?.code == .operationUnsupported, "\(name)")
            } else {
                let message = try ClientMessage.decode(bytes, maximumBatchEvents: 10)
                let again = try ClientMessage.decode(try message.encoded(), maximumBatchEvents: 10)
                #expect(again == message, "\(name)")
            }
        }
    }

    // MARK: Codes

    static let codes: [ProtocolError.Code] =
        ProtocolError.Code.Name.allCases.map { ProtocolError.Code(rawValue: $0.rawValue) }
        + OrderRule.allCases.map { .order($0) }
        + [.wire(.tooLarge), .wire(.syntax), .wire(.unknownField), .log(.full), .log(.closed)]

    @Test(arguments: codes)
    func aCodeIsReadAsTheCodeThatWasWritten(_ code: ProtocolError.Code) {
        let read = ProtocolError.Code(rawValue: code.rawValue)
        #expect(read == code)
        if case .unrecognized = read.value { Issue.record("\(code) is not known") }
    }

    @Test func theCodesOfTheCoreAreWrittenAsTheyAre() {
        let codes: [AgentEventsError.Code] = [
            .threadForbidden, .cursorDiverged, .cursorTrimmed, .cursorUnknown, .retentionUnsupported, .notRunning,
            .tooLarge, .runDeadline, .toolTimedOut, .emptyBatch, .keyConflict, .runUnknown, .runNotStarted, .runNotOpen,
            .runPaused, .commandUnsupported, .order(.paused),
            .wire(.syntax), .log(.full), .sink(.fileFull),
        ]
        for code in codes {
            let error = ProtocolError(AgentEventsError(code, ""), threadID: nil)
            #expect(error.code == ProtocolError.Code(rawValue: code.rawValue))
            #expect(error.code.rawValue == code.rawValue)
        }
    }

    // MARK: Close codes

    @Test(arguments: [
        (StreamCloseCode(rawValue: 1000), true), (.goingAway, true), (.protocolError, false), (.unsupportedData, false),
        (.invalidText, false), (.tooBig, false), (.internalError, true), (.protocolAbuse, false),
        (.notAuthenticated, false), (.restarting, true), (.forbidden, false), (.heartbeatMissed, true), (.limits, true),
        (StreamCloseCode(rawValue: 1005), true), (StreamCloseCode(rawValue: 1006), true),
        (StreamCloseCode(rawValue: 1010), false),
    ])
    func aCloseCodeSaysWhetherToComeBack(_ code: StreamCloseCode, _ allowsReconnection: Bool) {
        #expect(code.allowsReconnection == allowsReconnection)
        #expect(code.isAllowedOnTheWire == (![1005, 1006].contains(code.rawValue)))
    }
}
