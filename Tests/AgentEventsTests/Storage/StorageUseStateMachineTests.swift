import Testing

@testable import AgentEvents

/// The count of what users have stored, against a log of which all is known.
struct StorageUseStateMachineTests {
    @Test func aUserIsKnownWhenAllThreadsAreMeasured() {
        var machine = StorageUseStateMachine(maximumCount: 10)
        machine.didCommit(1, of: "t_1", "u_1", byteCount: 5)
        #expect(machine.byteCount(of: "u_1") == nil && machine.count == 0)
        let begins = machine.begin("u_1")
        let again = machine.begin("u_1")
        #expect(begins && !again)
        machine.didList(["t_1", "t_2"], of: "u_1")
        let isFirstMeasured = machine.didMeasure("t_1", of: "u_1", upTo: 1, byteCount: 5)
        #expect(isFirstMeasured && machine.byteCount(of: "u_1") == nil)
        // One was told of that was not read.
        machine.didCommit(3, of: "t_2", "u_1", byteCount: 10)
        var isMeasured = machine.didMeasure("t_2", of: "u_1", upTo: 2, byteCount: 20)
        #expect(!isMeasured)
        isMeasured = machine.didMeasure("t_2", of: "u_1", upTo: 3, byteCount: 10)
        #expect(isMeasured)
        machine.finish("u_1")
        #expect(machine.byteCount(of: "u_1") == 35)
        // The log had these when it was read; they are told of late.
        machine.didCommit(1, of: "t_1", "u_1", byteCount: 5)
        #expect(machine.byteCount(of: "u_1") == 35)
        machine.didCommit(4, of: "t_2", "u_1", byteCount: 10)
        machine.didCommit(1, of: "t_3", "u_1", byteCount: 7)
        machine.didCommit(9, of: "t_9", "u_2", byteCount: 7)
        #expect(machine.byteCount(of: "u_1") == 52)
    }

    /// A thread of which more was told than is there: it was deleted while it was read.
    @Test func aThreadThatIsGoneIsMeasured() {
        var machine = StorageUseStateMachine(maximumCount: 10)
        _ = machine.begin("u_1")
        machine.didList(["t_1"], of: "u_1")
        machine.didCommit(5, of: "t_1", "u_1", byteCount: 10)
        machine.invalidate("u_1")
        var isMeasured = machine.didMeasure("t_1", of: "u_1", upTo: 0, byteCount: 0)
        #expect(!isMeasured)
        isMeasured = machine.didMeasure("t_1", of: "u_1", upTo: 0, byteCount: 0, isGone: true)
        #expect(isMeasured)
        let isStale = machine.finish("u_1")
        #expect(isStale && machine.byteCount(of: "u_1") == 0 && machine.staleUsers == ["u_1"])
    }

    @Test func theLastNumberCountsWhileItIsMeasuredAgain() {
        var machine = StorageUseStateMachine(maximumCount: 10)
        _ = machine.begin("u_1")
        machine.didList(["t_1"], of: "u_1")
        _ = machine.didMeasure("t_1", of: "u_1", upTo: 4, byteCount: 40)
        machine.finish("u_1")
        machine.invalidate("u_1")
        #expect(machine.staleUsers == ["u_1"])
        let begins = machine.begin("u_1")
        #expect(begins && machine.staleUsers == [])
        machine.didList(["t_1"], of: "u_1")
        machine.didCommit(5, of: "t_1", "u_1", byteCount: 10)
        #expect(machine.byteCount(of: "u_1") == 50)
        // The first two are gone meanwhile, and once more.
        machine.invalidate("u_1")
        _ = machine.didMeasure("t_1", of: "u_1", upTo: 5, byteCount: 30)
        machine.finish("u_1")
        #expect(machine.byteCount(of: "u_1") == 30 && machine.staleUsers == ["u_1"])
        _ = machine.begin("u_1")
        machine.fail("u_1")
        #expect(machine.byteCount(of: "u_1") == 30 && machine.staleUsers == ["u_1"])
        _ = machine.begin("u_2")
        machine.fail("u_2")
        #expect(machine.count == 1)
    }

    @Test func oneIsForgottenForAnother() {
        var machine = StorageUseStateMachine(maximumCount: 2)
        for user in ["u_1", "u_2", "u_3"] as [UserID] {
            _ = machine.begin(user)
            machine.didList([], of: user)
            machine.finish(user)
        }
        #expect(machine.count == 2 && machine.byteCount(of: "u_3") == 0)
    }

    /// Commits of a user at every step of measuring, told at once or late: the number is that of the log in the end.
    @Test(arguments: 0..<200)
    func itIsWhatTheLogHas(seed: UInt64) {
        var random = SplitMix(state: seed)
        var machine = StorageUseStateMachine(maximumCount: 4)
        let threads: [ThreadID] = ["t_1", "t_2", "t_3", "t_4"]
        var log: [ThreadID: [Int]] = [:]
        var untold: [(sequence: UInt64, thread: ThreadID, byteCount: Int)] = []
        func commit(_ random: inout SplitMix) {
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                let thread = threads[Int.random(in: 0..<4, using: &random)]
                let byteCount = Int.random(in: 1...100, using: &random)
                log[thread, default: []].append(byteCount)
                untold.append((UInt64(log[thread]?.count ?? 0), thread, byteCount))
            }
            // In the order of the commits, a part of them.
            for _ in 0..<Int.random(in: 0...(untold.count), using: &random) {
                let told = untold.removeFirst()
                machine.didCommit(told.sequence, of: told.thread, "u_1", byteCount: told.byteCount)
            }
        }
        for _ in 0..<3 {
            commit(&random)
            machine.invalidate("u_1")
            let begins = machine.begin("u_1")
            #expect(begins)
            commit(&random)
            let listed = log.keys.sorted { $0.rawValue < $1.rawValue }
            commit(&random)
            machine.didList(listed, of: "u_1")
            for thread in listed {
                var last = 0
                var isMeasured = false
                while !isMeasured {
                    commit(&random)
                    let events = (log[thread] ?? [])[last...]
                    last += events.count
                    commit(&random)
                    isMeasured = machine.didMeasure(
                        thread, of: "u_1", upTo: UInt64(last), byteCount: events.reduce(0, +))
                }
            }
            commit(&random)
            machine.finish("u_1")
            commit(&random)
        }
        for told in untold { machine.didCommit(told.sequence, of: told.thread, "u_1", byteCount: told.byteCount) }
        #expect(machine.byteCount(of: "u_1") == log.values.reduce(0) { $0 + $1.reduce(0, +) }, "seed \(seed)")
    }

    private struct SplitMix: RandomNumberGenerator {
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
