import AgentEvents
import AgentEventsTesting
import Testing

/// One idempotency key, two requests.
@Suite struct KeyConflictTests {
    private static func draft(_ value: JSONValue, name: String = "n") -> EventDraft {
        EventDraft(.custom(CustomEvent(name: name, value: value)))
    }

    private static func count(_ log: any EventLog) async throws -> Int {
        try await log.read(LogRead(.all(afterOffset: 0))).events.count
    }

    @Test func theSameKeyWithAnotherRequestIsRefusedAndNothingIsLogged() async throws {
        let log = InMemoryEventLog()
        for opening in 1...2 {
            try await withAgentRuntime(log: log) { runtime in
                let context = try await runtime.context(user: "u_1", thread: "t_1")
                let first = try await context.emit([Self.draft(["a": 1, "b": 2])], key: "k_1")
                #expect(first.isRepeated == (opening == 2))
                if opening == 1 { try await runtime.flush() }
                let id = try #require(first.ids.first)
                for drafts in [[Self.draft(3)], [Self.draft(["a": 1, "b": 2]), Self.draft(3)], []] {
                    let error = await #expect(throws: AgentEventsError.self) {
                        _ = try await context.emit(drafts, key: "k_1")
                    }
                    #expect(error?.code == .keyConflict)
                    #expect(error?.message.contains("k_1") == true && error?.message.contains("\(id)") == true)
                    #expect(error?.isRetryable == false)
                }
                let again = try await context.emit([Self.draft(["b": 2, "a": 1])], key: "k_1")
                #expect(again.isRepeated && again.ids == first.ids)
                // Of another thread it is another key.
                let other = try await runtime.context(user: "u_1", thread: opening == 1 ? "t_2" : "t_3")
                #expect(try await !other.emit([Self.draft(3)], key: "k_1").isRepeated)
            }
            log.close()
        }
        #expect(try await Self.count(log) == 3)
    }

    /// Before the first is committed, and when both come at once.
    @Test func aRequestThatIsNotCommittedYetHasItsKey() async throws {
        let log = FaultyLog(InMemoryEventLog(), appends: FaultPlan().on(1, .hang))
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            let outcomes = await withTaskGroup(of: Result<EmitReceipt, AgentEventsError>.self) { group in
                for number in 0..<20 {
                    group.addTask {
                        do throws(AgentEventsError) {
                            return .success(try await context.emit([Self.draft(.integer(number % 2))], key: "k_1"))
                        } catch {
                            return .failure(error)
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            let receipts = outcomes.compactMap { try? $0.get() }
            #expect(receipts.count == 10)
            #expect(Set(receipts.map(\.ids)).count == 1)
            #expect(receipts.filter { !$0.isRepeated }.count == 1)
            for case .failure(let error) in outcomes { #expect(error.code == .keyConflict) }
            #expect(log.appendCount <= 1)
            log.release()
        }
        #expect(try await Self.count(log) == 1)
    }

    /// A request that was refused has no key.
    @Test func theKeyOfARefusedRequestIsFree() async throws {
        let log = InMemoryEventLog()
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            let end = EventDraft(runID: "r_1", .agentCompleted(AgentCompleted(durationMilliseconds: 1)))
            await #expect(throws: AgentEventsError.self) { _ = try await context.emit([end], key: "k_1") }
            #expect(try await !context.emit([Self.draft(1)], key: "k_1").isRepeated)
        }
    }

    /// An earlier version has logged a key alone: it stands for any request, as it did then.
    @Test func aKeyWithoutADigestMatchesAsBefore() async throws {
        let log = InMemoryEventLog()
        let id = EventID(generation: try await log.open().generation, sequence: 1)
        let owner = ThreadOwner(thread: "t_1", user: "u_1")
        let bytes = try EventEncoder.encode(
            AgentEvent(
                id: id, threadID: "t_1", time: WallClock.system.now(),
                payload: .custom(CustomEvent(name: "n", value: 1))))
        try await log.append(
            LogCommit(
                entries: [LogEntry(owner: owner, id: id, type: .custom, run: nil, bytes: bytes)],
                keys: [KeyedEvents(key: "k_1", thread: "t_1", ids: [id])], time: WallClock.system.now()))
        log.close()
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            for value in [1, 2] as [JSONValue] {
                let receipt = try await context.emit([Self.draft(value)], key: "k_1")
                #expect(receipt.isRepeated && receipt.ids == [id])
            }
        }
        #expect(try await Self.count(log) == 1)
    }
}
