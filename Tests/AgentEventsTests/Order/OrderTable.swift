import AgentEvents

/// What every input does in every state, written down: the table that the state machines are tested against.
///
/// All inputs but those marked otherwise name the run `r_1`, whose state the column is. In every column the thread also
/// has the runs `p_open` (with the open call `c_p`), `p_paused` (with the open call `c_p`), `p_queued` and `p_ended`.
enum OrderTable {
    /// The cells: `+` for accepted, else the rule that rejects.
    static let rules: [String: OrderRule] = [
        "NS": .notStarted, "AS": .alreadyStarted, "AE": .alreadyEnded, "CR": .callReused, "CN": .callNotOpen,
        "MC": .messageClosed, "AN": .approvalNotOpen, "AR": .approvalReused, "WO": .workOpen, "PA": .paused,
        "NP": .notPaused, "PN": .parentNotOpen, "AM": .agentMismatch, "TL": .messageTooLong, "NC": .notCanonical,
    ]

    // Columns that begin with `c-` are states of a run under the policy canonical.
    static let text = """
                        new  qued run  q-rn call msg  appr chld shut paus p-cl p-wk cmpl fail canc c-rn c-th c-cl c-dn c-nt
        queue           +    AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS
        queue-nobody    NS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS
        queue-other     +    AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS
        start           +    +    AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS
        start-nobody    NS   NS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS
        start-other     +    AM   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS
        start-child     +    PN   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS
        start-by-call   +    PN   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS
        start-bad-call  CN   PN   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS
        start-just-call PN   PN   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS
        start-paused    PA   PN   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS
        start-in-queue  PN   PN   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS
        start-ended     PN   PN   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS
        start-orphan    PN   PN   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS
        start-self      PN   PN   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS   AS
        think           NS   NS   +    +    +    +    +    +    +    PA   PA   PA   AE   AE   AE   +    +    +    +    +
        think-other     NS   AM   AM   AM   AM   AM   AM   AM   AM   AM   AM   AM   AE   AE   AE   AM   AM   AM   AM   AM
        think-same      NS   NS   +    +    +    +    +    +    +    PA   PA   PA   AE   AE   AE   +    +    +    +    +
        progress        NS   NS   +    +    +    +    +    +    +    PA   PA   PA   AE   AE   AE   +    +    +    +    +
        input-taken     NS   NS   +    +    +    +    +    +    +    PA   PA   PA   AE   AE   AE   +    +    +    +    +
        delta           NS   NS   +    +    +    +    +    +    MC   PA   PA   PA   AE   AE   AE   +    +    +    +    +
        delta-new       NS   NS   +    +    +    +    +    +    +    PA   PA   PA   AE   AE   AE   +    +    +    +    +
        delta-long      NS   NS   +    +    +    TL   +    +    MC   PA   PA   PA   AE   AE   AE   +    +    +    +    +
        delta-too-long  NS   NS   TL   TL   TL   TL   TL   TL   MC   PA   PA   PA   AE   AE   AE   TL   TL   TL   TL   TL
        message         NS   NS   +    +    +    +    +    +    MC   PA   PA   PA   AE   AE   AE   +    +    +    +    +
        message-new     NS   NS   +    +    +    +    +    +    +    PA   PA   PA   AE   AE   AE   +    +    +    +    +
        call            NS   NS   +    +    CR   +    +    +    +    PA   PA   PA   AE   AE   AE   NC   +    CR   +    +
        call-new        NS   NS   +    +    +    +    +    +    +    PA   PA   PA   AE   AE   AE   NC   +    +    +    +
        call-progress   NS   NS   CN   CN   +    CN   CN   CN   CN   CN   +    +    AE   AE   AE   CN   CN   +    CN   CN
        call-end        NS   NS   CN   CN   +    CN   CN   CN   CN   CN   +    +    AE   AE   AE   CN   CN   +    CN   CN
        call-end-other  NS   NS   CN   CN   CN   CN   CN   CN   CN   CN   CN   CN   AE   AE   AE   CN   CN   CN   CN   CN
        ask             NS   NS   +    +    +    +    AR   +    AR   PA   PA   PA   AE   AE   AE   +    +    +    +    +
        ask-new         NS   NS   +    +    +    +    +    +    +    PA   PA   PA   AE   AE   AE   +    +    +    +    +
        ask-for-call    NS   NS   CN   CN   +    CN   CN   CN   CN   PA   PA   PA   AE   AE   AE   CN   CN   +    CN   CN
        answer          NS   NS   AN   AN   AN   AN   +    AN   AN   AN   AN   +    AE   AE   AE   AN   AN   AN   AN   AN
        pause           NS   NS   +    +    +    +    +    +    +    PA   PA   PA   AE   AE   AE   +    +    +    +    +
        resume          NS   NS   NP   NP   NP   NP   NP   NP   NP   +    +    +    AE   AE   AE   NP   NP   NP   NP   NP
        complete        NS   NS   +    +    WO   WO   WO   WO   +    PA   PA   PA   AE   AE   AE   NC   NC   WO   +    WO
        fail            NS   NS   +    +    +    +    +    +    +    +    +    +    AE   AE   AE   +    +    +    +    +
        fail-late       NS   +    +    +    +    +    +    +    +    +    +    +    AE   AE   AE   +    +    +    +    +
        cancel          NS   +    +    +    +    +    +    +    +    +    +    +    AE   AE   AE   +    +    +    +    +
        cancel-other    NS   AM   AM   AM   AM   AM   AM   AM   AM   AM   AM   AM   AE   AE   AE   AM   AM   AM   AM   AM
        custom          NS   NS   +    +    +    +    +    +    +    PA   PA   PA   AE   AE   AE   +    +    +    +    +
        usage           NS   NS   +    +    +    +    +    +    +    +    +    +    AE   AE   AE   +    +    +    +    +
        user-message    NS   NS   NS   NS   NS   NS   NS   NS   NS   NS   NS   NS   NS   NS   NS   NS   NS   NS   NS   NS
        state-update    NS   NS   NS   NS   NS   NS   NS   NS   NS   NS   NS   NS   NS   NS   NS   NS   NS   NS   NS   NS
        unheard-of      NS   NS   NS   NS   NS   NS   NS   NS   NS   NS   NS   NS   NS   NS   NS   NS   NS   NS   NS   NS
        """

    /// The events that lead to the state of a column.
    static let states: [String: [OrderInput]] = [
        "new": [],
        "qued": [queue],
        "run": [start],
        "q-rn": [queue, start],
        "call": [start, input(.call("c_1"))],
        "msg": [start, input(.delta("m_1", "12345"))],
        "appr": [start, input(.ask("a_1"))],
        "chld": [start, child],
        "shut": [
            start, input(.think), input(.call("c_1")), input(.callEnd("c_1")), input(.delta("m_1")),
            input(.message("m_1")), input(.ask("a_1")), input(.answer("a_1")), child, OrderInput("r_2", .complete),
            input(.pause), input(.resume),
        ],
        "paus": [start, input(.pause)],
        "p-cl": [start, input(.call("c_1")), input(.pause)],
        "p-wk": [
            start, input(.call("c_1")), input(.delta("m_1")), input(.ask("a_1", call: "c_1")), child, input(.pause),
        ],
        "cmpl": [start, input(.complete)],
        "fail": [start, input(.call("c_1")), input(.fail)],
        "canc": [start, input(.pause), input(.cancel)],
        "c-rn": [start],
        "c-th": [start, input(.think)],
        "c-cl": [start, input(.think), input(.call("c_1"))],
        "c-dn": [start, input(.think), input(.call("c_1")), input(.callEnd("c_1"))],
        "c-nt": [start, input(.think), input(.call("c_1")), input(.callEnd("c_1")), child],
    ]

    /// The event of a row.
    static let inputs: [String: OrderInput] = [
        "queue": queue,
        "queue-nobody": OrderInput("r_1", .queue),
        "queue-other": OrderInput("r_1", agent: "other", .queue),
        "start": start,
        "start-nobody": OrderInput("r_1", .start()),
        "start-other": OrderInput("r_1", agent: "other", .start()),
        "start-child": input(.start(parent: "p_open")),
        "start-by-call": input(.start(parent: "p_open", call: "c_p")),
        "start-bad-call": input(.start(parent: "p_open", call: "c_1")),
        "start-just-call": input(.start(call: "c_p")),
        "start-paused": input(.start(parent: "p_paused", call: "c_p")),
        "start-in-queue": input(.start(parent: "p_queued")),
        "start-ended": input(.start(parent: "p_ended")),
        "start-orphan": input(.start(parent: "p_unheard_of")),
        "start-self": input(.start(parent: "r_1")),
        "think": OrderInput("r_1", .think),
        "think-other": OrderInput("r_1", agent: "other", .think),
        "think-same": OrderInput("r_1", agent: "guide", .think),
        "progress": input(.progress),
        "input-taken": input(.takeInput),
        "delta": input(.delta("m_1", "123")),
        "delta-new": input(.delta("m_9")),
        "delta-long": input(.delta("m_1", "123456")),
        "delta-too-long": input(.delta("m_1", "12345678901")),
        "message": input(.message("m_1")),
        "message-new": input(.message("m_9")),
        "call": input(.call("c_1")),
        "call-new": input(.call("c_9")),
        "call-progress": input(.callProgress("c_1")),
        "call-end": input(.callEnd("c_1")),
        "call-end-other": input(.callEnd("c_1", "other")),
        "ask": input(.ask("a_1")),
        "ask-new": input(.ask("a_9")),
        "ask-for-call": input(.ask("a_9", call: "c_1")),
        "answer": input(.answer("a_1")),
        "pause": input(.pause),
        "resume": input(.resume),
        "complete": input(.complete),
        "fail": input(.fail),
        "fail-late": input(.failLate),
        "cancel": input(.cancel),
        "cancel-other": OrderInput("r_1", agent: "other", .cancel),
        "custom": input(.custom),
        "usage": input(.usage),
        "user-message": input(.userMessage),
        "state-update": input(.stateUpdate),
        "unheard-of": input(.unheardOf),
    ]

    /// The events that lead to the other runs of the thread.
    static let surroundings: [OrderInput] =
        ["p_open", "p_paused", "p_ended"].flatMap { (run: RunID) in
            [OrderInput(run, agent: "guide", .start()), OrderInput(run, .think), OrderInput(run, .call("c_p"))]
        } + [
            OrderInput("p_queued", agent: "guide", .queue), OrderInput("p_paused", .pause),
            OrderInput("p_ended", .callEnd("c_p")), OrderInput("p_ended", .complete),
        ]

    private static let queue = input(.queue)
    private static let start = input(.start())
    private static let child = OrderInput("r_2", agent: "guide", .start(parent: "r_1"))

    private static func input(_ payload: EventPayload) -> OrderInput {
        OrderInput("r_1", agent: "guide", payload)
    }
}

extension OrderTable {
    /// The table's lines, each cut into its words.
    private static let lines = text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }

    static let columns = lines[0]
    static let rows = lines.dropFirst().map { $0[0] }

    /// The cell, as it is written.
    static func cell(row: String, column: String) -> String? {
        guard let line = lines.dropFirst().first(where: { $0[0] == row }), let index = columns.firstIndex(of: column),
            line.count == columns.count + 1
        else { return nil }
        return line[index + 1]
    }

    /// A thread whose run `r_1` is in the state of a column; `nil` when an event on the way was not accepted.
    static func machine(column: String) -> ThreadStateMachine? {
        var machine = ThreadStateMachine(
            policy: column.hasPrefix("c-") ? .canonical : .standard,
            maximumMessageByteCount: 10
        )
        guard let state = states[column] else { return nil }
        for input in surroundings + state {
            guard machine.receive(input).acceptance != nil else { return nil }
        }
        return machine
    }
}
