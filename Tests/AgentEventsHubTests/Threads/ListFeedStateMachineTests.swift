import Testing

@testable import AgentEventsHub

/// Every input in every state, against a written table.
struct ListFeedStateMachineTests {
    private enum Place: CaseIterable {
        case new, looking, lookingAndDue, resting, waiting, blocked, ended
    }

    private enum Input: CaseIterable {
        case changed, changedAndBlocked, writable, tooEarly, timePassed, timePassedAndBlocked, found, foundAndBlocked,
            failed, ended
    }

    private typealias Action = ListFeedStateMachine.Action

    /// At 1000 ms the last look was found in `resting`, `waiting` and `blocked`.
    private static func machine(_ place: Place) -> ListFeedStateMachine {
        var machine = ListFeedStateMachine()
        guard place != .new else { return machine }
        expect(machine.changed(at: 990, isWritable: true), .look)
        switch place {
        case .new, .looking: break
        case .lookingAndDue: expect(machine.changed(at: 995, isWritable: true), .none)
        case .resting: expect(machine.found(at: 1000, isWritable: true), .arm)
        case .waiting:
            expect(machine.found(at: 1000, isWritable: true), .arm)
            expect(machine.changed(at: 1010, isWritable: true), .wait(240))
        case .blocked:
            expect(machine.found(at: 1000, isWritable: true), .arm)
            expect(machine.changed(at: 1250, isWritable: false), .none)
        case .ended: machine.end()
        }
        return machine
    }

    private static func expect(_ action: Action, _ expected: Action) { #expect(action == expected) }

    private static func put(_ input: Input, into machine: inout ListFeedStateMachine) -> Action {
        switch input {
        case .changed: machine.changed(at: 2000, isWritable: true)
        case .changedAndBlocked: machine.changed(at: 2000, isWritable: false)
        case .writable: machine.becameWritable(at: 2000)
        case .tooEarly: machine.timePassed(at: 1100, isWritable: true)
        case .timePassed: machine.timePassed(at: 2000, isWritable: true)
        case .timePassedAndBlocked: machine.timePassed(at: 2000, isWritable: false)
        case .found: machine.found(at: 2000, isWritable: true)
        case .foundAndBlocked: machine.found(at: 2000, isWritable: false)
        case .failed: machine.failed(at: 2000, retryAfter: 1000)
        case .ended:
            {
                machine.end()
                return Action.none
            }()
        }
    }

    private static func expected(_ place: Place, _ input: Input) -> Action {
        switch (place, input) {
        case (.new, .changed), (.resting, .changed): .look
        case (.waiting, .tooEarly): .wait(150)
        case (.waiting, .timePassed): .look
        case (.blocked, .writable), (.blocked, .timePassed): .look
        case (.blocked, .tooEarly): .wait(150)
        case (.looking, .found), (.looking, .foundAndBlocked): .arm
        case (.lookingAndDue, .found), (.lookingAndDue, .foundAndBlocked): .wait(250)
        case (.looking, .failed), (.lookingAndDue, .failed): .wait(1000)
        default: .none
        }
    }

    @Test func everyInputInEveryState() {
        for place in Place.allCases {
            for input in Input.allCases {
                var machine = Self.machine(place)
                let action = Self.put(input, into: &machine)
                #expect(action == Self.expected(place, input), "\(input) while \(place)")
            }
        }
    }

    /// Whatever comes, there is one look at a time, none while the client takes nothing, and none too early; and what has changed
    /// is looked at in the end.
    @Test(arguments: 1...50)
    func aRandomHistoryKeepsTheRules(seed: UInt64) {
        var random = SplitMix(state: seed)
        var machine = ListFeedStateMachine()
        var (now, isWritable, isLooking, timer): (Int64, Bool, Bool, Int64?) = (0, true, false, nil)
        var lastFound: Int64 = -1000
        var (version, seen, looked) = (0, -1, 0)
        func act(_ action: Action) {
            switch action {
            case .none: break
            case .look:
                #expect(!isLooking && isWritable)
                #expect(now >= lastFound + ListFeedStateMachine.interval)
                (isLooking, looked) = (true, version)
            case .wait(let milliseconds):
                #expect(timer == nil && milliseconds > 0)
                timer = now + milliseconds
            case .arm:
                // It is asked whether there is more.
                seen = looked
                if version > looked { act(machine.changed(at: now, isWritable: isWritable)) }
            }
        }
        func step(_ isLast: Bool) {
            switch isLast ? 2 + random.next() % 3 : random.next() % 5 {
            case 0:
                version += 1
                act(machine.changed(at: now, isWritable: isWritable))
            case 1: isWritable = false
            case 2:
                guard !isWritable else { break }
                isWritable = true
                act(machine.becameWritable(at: now))
            case 3:
                now += Int64(random.next() % 200)
                guard let due = timer, due <= now else { break }
                timer = nil
                act(machine.timePassed(at: now, isWritable: isWritable))
            default:
                guard isLooking else { break }
                isLooking = false
                lastFound = now
                act(machine.found(at: now, isWritable: isWritable))
            }
        }
        act(machine.changed(at: now, isWritable: isWritable))
        for _ in 0..<500 { step(false) }
        for _ in 0..<500 { step(true) }
        #expect(!isLooking && seen == version, "the last change was looked at")
    }

    private struct SplitMix {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }
}
