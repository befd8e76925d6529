import AgentEvents
import AgentEventsTesting
import Testing

/// The log in memory keeps values; the suite finds each fault of a wrong store.
struct StateStoreConformanceTests {
    @Test func theLogInMemoryConforms() async throws {
        try await StateStoreConformance(
            make: {
                let log = InMemoryEventLog()
                _ = try await log.open()
                return log
            },
            reopen: { store in
                guard let log = store as? InMemoryEventLog else { return store }
                log.close()
                _ = try await log.open()
                return log
            }
        ).run()
    }

    @Test func aRightStorePasses() async throws {
        try await StateStoreConformance(
            make: { FaultyStateStore() }, reopen: { ($0 as? FaultyStateStore)?.reopened() ?? $0 }
        )
        .run()
    }

    @Test(arguments: FaultyStateStore.Fault.allCases)
    func aWrongStoreIsFound(_ fault: FaultyStateStore.Fault) async {
        await withKnownIssue {
            try await StateStoreConformance(
                make: { FaultyStateStore(fault) }, reopen: { ($0 as? FaultyStateStore)?.reopened() ?? $0 }
            ).run()
        }
    }

    @Test func aLogThatIsNotOpenTakesNoValues() async throws {
        let log = InMemoryEventLog()
        let error = await #expect(throws: EventLogError.self) {
            try await log.save([StoredValue(.sink, name: "a", bytes: [1])])
        }
        #expect(error?.code == .closed)
    }

    @Test func theLogInMemoryIsBoundedWithItsValues() async throws {
        let log = InMemoryEventLog(maximumByteCount: 100)
        _ = try await log.open()
        try await log.save([StoredValue(.sink, name: "a", bytes: Array(repeating: 0, count: 90))])
        let error = await #expect(throws: EventLogError.self) {
            try await log.save([StoredValue(.sink, name: "b", bytes: Array(repeating: 0, count: 11))])
        }
        #expect(error?.code == .full)
        #expect(try await log.load(.sink, thread: nil, name: "b") == nil)
        try await log.save([StoredValue(.sink, name: "a", bytes: Array(repeating: 0, count: 100))])
    }
}
