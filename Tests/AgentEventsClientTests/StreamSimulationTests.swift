import AgentEvents
import AgentEventsClient
import AgentEventsProtocol
import AgentEventsTesting
import Testing

/// A stream against a service that is a value: every order of steps, from a seed.
@Suite struct StreamSimulationTests {
    private struct Reader {
        var number: Int
        /// What it has of the thread, since its last reset.
        var last: Cursor?
        var taken = 0
    }

    private struct Simulation {
        static let threads: [ThreadID] = ["t_1", "t_2", "t_3"]

        let seed: UInt64
        var random: SeededGenerator
        var service = ModelService(threads: Self.threads)
        var machine: StreamStateMachine
        var readers: [ThreadID: Reader] = [:]
        var resets = 0

        init(seed: UInt64) throws {
            self.seed = seed
            random = SeededGenerator(seed: seed)
            var limits = InboxLimits()
            limits.eventCount = 4
            machine = StreamStateMachine(limits: limits)
            for thread in Self.threads { try follow(thread, from: .start) }
            connect()
        }

        mutating func follow(_ thread: ThreadID, from start: StartPosition) throws {
            let last: Cursor? = if case .after(let cursor) = start { cursor } else { nil }
            readers[thread] = Reader(
                number: try machine.follow(thread, from: start, consumer: "tab"), last: last)
        }

        mutating func connect() {
            #expect(machine.connect() == .connect)
            service.connect()
        }

        mutating func cut() {
            let (action, _) = machine.disconnected(AgentEventsClientError(.closed, "cut"), random: 0)
            #expect(action == .pause(.zero), "seed \(seed)")
            connect()
        }

        mutating func thread() -> ThreadID { Self.threads[random.below(Self.threads.count)] }

        mutating func step() throws {
            let thread = thread()
            switch random.below(100) {
            case 0: cut()
            case 1:
                // A crash takes the connection along.
                service.diverge(thread, losing: 1 + random.below(3))
                cut()
            case 2: service.trim(thread, count: random.below(6))
            case 3:
                guard let reader = readers[thread] else { return }
                machine.unfollow(thread, number: reader.number)
                let late = machine.take(thread, number: reader.number)
                guard case .end = late else { throw Fault("a follower that has ended was given something") }
                try follow(thread, from: reader.last.map { .after($0) } ?? .start)
            case 4..<8: machine.advance(by: .seconds(1))
            case 8..<25: service.append(to: thread)
            case 25..<45: try exchange()
            case 45..<70: service.send(thread, merging: 1 + UInt64(random.below(3)))
            case 70..<75: try acknowledge(thread)
            default: try take(thread)
            }
        }

        /// Carries requests one way and a few messages the other.
        mutating func exchange() throws {
            service.requests += machine.takeOutgoing()
            service.serve()
            for _ in 0..<random.below(4) where !service.wire.isEmpty {
                let actions = machine.receive(service.wire.removeFirst(), random: 0)
                if let error = actions.leave { throw Fault("left the connection: \(error)") }
                guard actions.awaitsRoom else { continue }
                for _ in 0..<random.below(6) {
                    let thread = thread()
                    try take(thread)
                }
                machine.stopAwaitingRoom()
            }
        }

        /// Loses what is about to be sent, if an acknowledgement is among it; else sends it.
        mutating func losesAcknowledgement() -> Bool {
            let outgoing = machine.takeOutgoing()
            let hasAcknowledgement = outgoing.contains(where: \.isAcknowledgement)
            if !hasAcknowledgement { service.requests += outgoing }
            return hasAcknowledgement
        }

        mutating func acknowledge(_ thread: ThreadID) throws {
            guard let reader = readers[thread], let last = reader.last, reader.taken > 0 else { return }
            _ = try machine.acknowledge(last, of: thread, number: reader.number)
        }

        mutating func take(_ thread: ThreadID) throws {
            guard let reader = readers[thread] else { return }
            switch machine.take(thread, number: reader.number) {
            case .give(.event(let event)):
                if let last = reader.last, event.firstSequence != last.sequence + 1 {
                    throw Fault("\(event.firstSequence)-\(event.cursor.sequence) of \(thread) after \(last)")
                }
                readers[thread]?.last = event.cursor
                readers[thread]?.taken += 1
            case .give(.reset):
                resets += 1
                readers[thread]?.last = nil
                readers[thread]?.taken = 0
            case .give(.live), .give(.interrupted), .wait:
                break
            case .fail(let error):
                throw error
            case .end:
                throw Fault("\(thread) has ended")
            }
        }

        /// Nothing happens any longer but one last cut, and everybody takes what there is.
        mutating func settle() throws {
            var cuts = 1
            for round in 0..<900 {
                if round == 400 {
                    for thread in Self.threads { service.append(to: thread) }
                }
                machine.advance(by: .seconds(100))
                if round > 400, cuts > 0, losesAcknowledgement() {
                    cuts -= 1
                    cut()
                }
                try exchange()
                for thread in Self.threads {
                    service.send(thread, merging: 1)
                    try take(thread)
                    try acknowledge(thread)
                }
            }
        }
    }

    private struct Fault: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    @Test(arguments: 1...100 as ClosedRange<UInt64>)
    func everyReaderGetsEverythingOnceAndInOrder(seed: UInt64) throws {
        var simulation = try Simulation(seed: seed)
        do {
            for _ in 0..<1000 { try simulation.step() }
            try simulation.settle()
        } catch {
            Issue.record("seed \(seed): \(error)")
            return
        }
        for thread in Simulation.threads {
            let history = simulation.service.histories[thread]
            let head = history.flatMap { $0.cursor($0.head) }
            #expect(simulation.readers[thread]?.last == head, "seed \(seed), \(thread)")
            if (simulation.readers[thread]?.taken ?? 0) > 0 {
                #expect(simulation.service.acknowledged[thread] == head, "seed \(seed), \(thread)")
            }
        }
        #expect(simulation.service.faults == [], "seed \(seed)")
        guard case .live = simulation.machine.state else {
            Issue.record("seed \(seed): \(simulation.machine.state)")
            return
        }
    }
}
