import AgentEvents
import Testing

@Suite struct KeyedEmissionsStateMachineTests {
    private typealias Machine = KeyedEmissionsStateMachine<Int>

    private static let key: IdempotencyKey = "k_1"
    private static func made(_ number: UInt8) -> RequestDigest? {
        RequestDigest(bytes: Array(repeating: number, count: RequestDigest.byteCount))
    }
    private static func receipt(at position: UInt64) -> EmitReceipt {
        EmitReceipt(ids: [EventID(generation: 1, sequence: position)], isRepeated: false, position: position)
    }

    enum State: String, CaseIterable { case free, lookingUp, awaited, accepted, committed }
    enum Input: String, CaseIterable { case begin, beginOther, wait, finish, finishAccepted }

    /// What every input does in every state. `committed` is a key whose emission was forgotten because it is committed.
    private static let table = """
                       free      lookingUp  awaited   accepted  committed
        begin          lookUp    wait       wait      repeated  lookUp
        beginOther     lookUp    wait       wait      conflict  lookUp
        wait           passed    waits      waits     passed    passed
        finish         nobody    nobody     resumes   nobody    nobody
        finishAccepted nobody    nobody     resumes   nobody    nobody
        """

    private static func cell(_ input: Input, _ state: State) -> String? {
        let lines = table.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        guard let column = lines[0].firstIndex(of: state.rawValue) else { return nil }
        return lines.dropFirst().first { $0[0] == input.rawValue }?[column + 1]
    }

    private static func make(_ state: State) throws -> Machine {
        let digest = try #require(Self.made(1))
        var machine = Machine()
        switch state {
        case .free:
            break
        case .lookingUp:
            _ = machine.begin(key, digest)
        case .awaited:
            _ = machine.begin(key, digest)
            _ = machine.wait(for: key, 7)
        case .accepted:
            _ = machine.begin(key, digest)
            _ = machine.finish(key, accepted: receipt(at: 3), digest, committedThrough: 0)
        case .committed:
            _ = machine.begin(key, digest)
            _ = machine.finish(key, accepted: receipt(at: 3), digest, committedThrough: 0)
            _ = machine.begin("k_2", digest)
            _ = machine.finish("k_2", accepted: receipt(at: 9), digest, committedThrough: 3)
        }
        return machine
    }

    private static func word(_ action: Machine.BeginAction) -> String {
        switch action {
        case .lookUp: "lookUp"
        case .wait: "wait"
        case .repeated(let repeated): repeated == receipt(at: 3).asRepeated ? "repeated" : "another receipt"
        case .conflict(let ids): ids == receipt(at: 3).ids ? "conflict" : "other ids"
        }
    }

    @Test(arguments: State.allCases, Input.allCases)
    func everyInputDoesWhatTheTableSays(state: State, input: Input) throws {
        let expected = try #require(Self.cell(input, state))
        let (digest, other) = (try #require(Self.made(1)), try #require(Self.made(2)))
        var machine = try Self.make(state)
        let word: String
        switch input {
        case .begin: word = Self.word(machine.begin(Self.key, digest))
        case .beginOther: word = Self.word(machine.begin(Self.key, other))
        case .wait: word = machine.wait(for: Self.key, 8) ? "waits" : "passed"
        case .finish: word = machine.finish(Self.key) == [7] ? "resumes" : "nobody"
        case .finishAccepted:
            let waiters = machine.finish(
                Self.key, accepted: Self.receipt(at: 3), digest, committedThrough: 0)
            word = waiters == [7] ? "resumes" : "nobody"
        }
        #expect(word == expected)
    }

    @Test func thoseThatWaitedBeginAgain() throws {
        let digest = try #require(Self.made(1))
        var machine = try Self.make(.awaited)
        let waits = machine.wait(for: Self.key, 8)
        let waiterCount = machine.waiterCount
        #expect(waits && waiterCount == 2)
        let waiters = machine.finish(Self.key)
        let rest = machine.waiterCount
        #expect(waiters == [7, 8] && rest == 0)
        // The first of them is the next to look the key up; another key is of no concern to it.
        let actions = [
            machine.begin(Self.key, digest), machine.begin(Self.key, digest), machine.begin("k_2", digest),
        ]
        #expect(actions == [.lookUp, .wait, .lookUp])
    }

    @Test func whatIsCommittedIsForgotten() throws {
        let digest = try #require(Self.made(1))
        var machine = Machine()
        for position in 1...1000 as ClosedRange<UInt64> {
            let key = IdempotencyKey(stringLiteral: "k_\(position)")
            let first = machine.begin(key, digest)
            #expect(first == .lookUp)
            // Ten wait for their commit at a time.
            _ = machine.finish(
                key, accepted: Self.receipt(at: position), digest, committedThrough: position > 10 ? position - 10 : 0)
            let count = machine.acceptedCount
            let oldest = machine.begin(IdempotencyKey(stringLiteral: "k_\(max(1, Int(position) - 9))"), digest)
            #expect(count <= 10 && oldest != .lookUp)
        }
    }
}

extension EmitReceipt {
    fileprivate var asRepeated: EmitReceipt { EmitReceipt(ids: ids, isRepeated: true, position: position) }
}
