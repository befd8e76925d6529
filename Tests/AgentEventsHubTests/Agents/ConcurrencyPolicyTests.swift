import AgentEvents
import AgentEventsHub
import Testing

/// The policies over their whole product of what they can meet, against a table that is written out here.
struct ConcurrencyPolicyTests {
    private typealias Action = ConcurrencyPolicy.PolicyAction

    private enum Roots: CaseIterable { case none, one, takingInput, paused, full }

    private static func load(_ roots: Roots, queued: Int) -> ThreadLoad {
        let open: [ThreadLoad.Root] =
            switch roots {
            case .none: []
            case .one: [ThreadLoad.Root(run: "r_1", agent: "other")]
            case .takingInput:
                [ThreadLoad.Root(run: "r_1", agent: "guide"), ThreadLoad.Root(run: "r_2", agent: "other")]
            // It is hosted outside: nobody here gives it anything.
            case .paused: [ThreadLoad.Root(run: "r_1", agent: "guide", host: .outside)]
            case .full: (1...2).map { ThreadLoad.Root(run: RunID(stringLiteral: "r_\($0)"), agent: "other") }
            }
        let queue = (0..<queued).map { ThreadLoad.Queued(run: RunID(stringLiteral: "q_\($0)"), agent: "guide") }
        return ThreadLoad(roots: open, queue: queue)
    }

    /// The action that the page asks for, in the words of the page.
    private static func expected(
        _ policy: ConcurrencyPolicy,
        _ load: ThreadLoad,
        _ roots: Roots,
        _ request: ConcurrencyPolicy.Request
    ) -> Action {
        let isFull = load.queue.count >= request.maximumQueuedCount
        let queued: Action =
            isFull ? .refuse(.threadFull) : request.queueRefusal.map { .refuse($0) } ?? .enqueue
        let mayStart = request.hasSlot && !request.isDelayed
        if roots == .none, load.queue.isEmpty { return mayStart ? .start : queued }
        let all = load.roots.map(\.run) + load.queue.map(\.run)
        switch policy {
        case .reject: return .refuse(.threadBusy)
        case .queue: return queued
        case .supersede, .rollback:
            let starts = mayStart && !request.hasBodies
            if !starts, load.queue.isEmpty, let refusal = request.queueRefusal { return .refuse(refusal) }
            return .replace(runs: all, discards: policy == .rollback, starts: starts)
        case .parallel:
            guard load.queue.isEmpty, load.roots.count < request.parallelLimit else { return queued }
            return mayStart ? .start : queued
        case .steer: return roots == .takingInput && request.isMessage ? .steer("r_1") : queued
        }
    }

    @Test(arguments: ConcurrencyPolicy.allCases)
    func eachPolicyDecidesAsThePageSays(_ policy: ConcurrencyPolicy) {
        let refusals: [ConcurrencyPolicy.QueueRefusal?] = [nil, .userFull, .serviceFull]
        for roots in Roots.allCases {
            for queued in 0...2 {
                let load = Self.load(roots, queued: queued)
                for refusal in refusals {
                    for bits in 0..<16 {
                        var request = ConcurrencyPolicy.Request(agent: "guide")
                        request.queueRefusal = refusal
                        request.maximumQueuedCount = 2
                        request.parallelLimit = 2
                        request.inputAgents = ["guide"]
                        request.hasSlot = bits & 1 == 0
                        request.hasBodies = bits & 2 != 0
                        request.isDelayed = bits & 4 != 0
                        request.isMessage = bits & 8 == 0
                        let action = policy.decide(load, request)
                        #expect(
                            action == Self.expected(policy, load, roots, request), "\(roots) \(queued) \(request)")
                    }
                }
            }
        }
    }

    @Test func aRunIsGivenAsManyMessagesAsMayBeQueued() {
        var request = ConcurrencyPolicy.Request(agent: "guide")
        request.inputAgents = ["guide"]
        var load = ThreadLoad(roots: [ThreadLoad.Root(run: "r_1", agent: "guide", inputCount: 15)])
        #expect(ConcurrencyPolicy.steer.decide(load, request) == .steer("r_1"))
        load.roots[0].inputCount = 16
        #expect(ConcurrencyPolicy.steer.decide(load, request) == .refuse(.threadFull))
        // One that is for another agent, by name, is not given away.
        load.roots[0].inputCount = 0
        request.agent = "other"
        #expect(ConcurrencyPolicy.steer.decide(load, request) == .enqueue)
        request.takesAnyAgent = true
        #expect(ConcurrencyPolicy.steer.decide(load, request) == .steer("r_1"))
    }

    @Test func aQueuedRunStartsInItsTurn() {
        let time = Timestamp(milliseconds: 10)
        var load = Self.load(.none, queued: 2)
        func start(_ run: RunID, _ limit: Int = 1) -> ConcurrencyPolicy.StartAction {
            ConcurrencyPolicy.mayStart(run, load, at: time, parallelLimit: limit)
        }
        #expect(start("q_0") == .start(place: 0))
        #expect(start("q_1") == .waitForAnother)
        #expect(start("q_9") == .leave)
        load.queue[0].notBefore = Timestamp(milliseconds: 11)
        #expect(start("q_0") == .waitForAnother)
        #expect(start("q_1") == .start(place: 1))
        load.roots = [ThreadLoad.Root(run: "r_1", agent: "guide")]
        #expect(start("q_1") == .wait)
        #expect(start("q_1", 2) == .start(place: 1))
    }
}
