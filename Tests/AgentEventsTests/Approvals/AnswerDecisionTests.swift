import Testing

@testable import AgentEvents

/// The answer to a request for approval, decided on what is open.
struct AnswerDecisionTests {
    private static let form: JSONValue = [
        "type": "object", "properties": ["f": ["type": "boolean"]], "required": ["f"],
    ]
    private static let arguments: JSONValue = ["type": "object", "properties": ["arguments": ["type": "string"]]]

    private static func run(_ id: RunID) -> ThreadOccupancy.Run { ThreadOccupancy.Run(id, agent: "guide", .running) }

    private static func answer(
        _ isApproved: Bool = true,
        _ data: JSONValue? = nil,
        run: RunID? = nil,
        by user: UserID = "u_1"
    ) -> ApprovalAnswer {
        ApprovalAnswer("a_1", run: run, isApproved: isApproved, data: data, by: user)
    }

    private static func word(_ answer: ApprovalAnswer, _ asked: [AskedApproval]) -> String {
        switch answer.decide(on: asked, owner: "u_1") {
        case .log(let draft, _):
            guard case .approvalResolved(let resolved) = draft.payload else { return "another event" }
            return
                "\(draft.runID.map { "\($0)" } ?? "") \(resolved.decision) by \(resolved.by.map { "\($0)" } ?? "nobody")"
        case .lookUp: return "look up"
        case .refuse(.forbidden, _): return "forbidden"
        case .refuse(.dataInvalid(let error), _): return "\(error.code) \(error.path)"
        case .refuse(.ambiguous, _): return "ambiguous"
        case .refuse(.notGrantable, _): return "not grantable"
        }
    }

    private static func word(_ answer: ApprovalAnswer, _ terms: ApprovalTerms?) -> String {
        word(answer, [AskedApproval("a_1", of: run("r_1"), terms)])
    }

    @Test func anAnswerIsForAnOpenRequest() {
        #expect(Self.word(Self.answer(), []) == "look up")
        #expect(Self.word(Self.answer(), [AskedApproval("a_2", of: Self.run("r_1"))]) == "look up")
        #expect(Self.word(Self.answer(run: "r_2"), [AskedApproval("a_1", of: Self.run("r_1"))]) == "look up")
        #expect(Self.word(Self.answer(), nil) == "r_1 approved by u_1")
        #expect(Self.word(Self.answer(false), nil) == "r_1 denied by u_1")
    }

    /// A grant goes with a yes to a question about a call, whose data is no form.
    @Test func aGrantGoesWithAYesAboutACall() {
        let asked = AskedApproval("a_1", of: Self.run("r_1"), about: "deploy")
        let form = AskedApproval("a_1", of: Self.run("r_1"), ApprovalTerms(schema: Self.form), about: "deploy")
        var yes = Self.answer()
        yes.grant = ApprovalGrant()
        #expect(Self.word(yes, [asked]) == "r_1 approved by u_1")
        #expect(Self.word(yes, nil) == "not grantable")
        yes.data = ["f": true]
        #expect(Self.word(yes, [form]) == "not grantable")
        var no = Self.answer(false)
        no.grant = ApprovalGrant()
        #expect(Self.word(no, [asked]) == "not grantable")
        var foreign = Self.answer(by: "u_2")
        foreign.grant = ApprovalGrant()
        #expect(Self.word(foreign, [asked]) == "forbidden")
    }

    @Test func anIDOfSeveralRunsTakesTheRun() {
        let asked = [AskedApproval("a_1", of: Self.run("r_1")), AskedApproval("a_1", of: Self.run("r_2"))]
        #expect(Self.word(Self.answer(), asked) == "ambiguous")
        #expect(Self.word(Self.answer(run: "r_2"), asked) == "r_2 approved by u_1")
    }

    /// 36, and who may: the thread's user, or those who are named.
    @Test(
        arguments: [
            ("u_1", [], true), ("u_2", [], false), ("u_1", ["u_2"], false), ("u_2", ["u_2", "u_3"], true),
            ("u_1", ["u_1", "u_2"], true),
        ] as [(UserID, [UserID], Bool)])
    func thoseWhoAreAskedMayAnswer(_ user: UserID, _ approvers: [UserID], _ may: Bool) {
        for isApproved in [true, false] {
            let word = Self.word(Self.answer(isApproved, by: user), ApprovalTerms(approvers: approvers))
            #expect((word == "forbidden") != may)
        }
    }

    /// 43: a yes fits the form; a no may say anything.
    @Test(
        arguments: [
            (true, nil, "event.missing_field $.f"), (true, [:], "event.missing_field $.f"),
            (true, ["f": 1], "event.wrong_type $.f"), (true, ["f": true], "r_1 approved by u_1"),
            (true, ["f": true, "g": 1], "event.unknown_field $.g"),
            (true, ["f": true, "arguments": 1], "event.unknown_field $.arguments"),
            (false, nil, "r_1 denied by u_1"), (false, ["reason": "no"], "r_1 denied by u_1"),
        ] as [(Bool, JSONValue?, String)])
    func aYesFitsTheForm(_ isApproved: Bool, _ data: JSONValue?, _ expected: String) {
        #expect(Self.word(Self.answer(isApproved, data), ApprovalTerms(schema: Self.form)) == expected)
    }

    /// 32: other arguments than those shown run only where the request allows it.
    @Test func argumentsAreReplacedWhereThatIsAllowed() {
        let edit: JSONValue = ["arguments": ["path": "b.txt"]]
        #expect(Self.word(Self.answer(true, edit), nil) == "event.unknown_field $.arguments")
        #expect(Self.word(Self.answer(true, edit), ApprovalTerms(isEditable: true)) == "r_1 approved by u_1")
        let both: JSONValue = ["arguments": 1, "f": true]
        let terms = ApprovalTerms(isEditable: true, schema: Self.form)
        #expect(Self.word(Self.answer(true, both), terms) == "r_1 approved by u_1")
        #expect(Self.word(Self.answer(true, edit), terms) == "event.missing_field $.f")
        // A field of that name is one like any other.
        let named = ApprovalTerms(schema: Self.arguments)
        #expect(Self.word(Self.answer(true, ["arguments": "x"]), named) == "r_1 approved by u_1")
        #expect(Self.word(Self.answer(true, ["arguments": 1]), named) == "event.wrong_type $.arguments")
    }
}
