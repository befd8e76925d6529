import AgentEvents
import AgentEventsTesting
import Testing

/// Spaces of users: who may use them, and under which ids they are.
@Suite(.timeLimit(.minutes(10))) struct SharedContextTests {
    @Test(
        arguments: [
            ("u_1", nil, "context~u_1"), ("u_1", "health", "context~u_1~health"), ("a~b", nil, "context~a%7Eb"),
            ("a", "b", "context~a~b"), ("50%", "~", "context~50%25~%7E"),
        ] as [(UserID, String?, String)])
    func eachSpaceHasOneThread(_ user: UserID, _ name: String?, _ id: String) throws {
        let space = ContextThread(user: user, name: name)
        #expect(try space.thread.rawValue == id)
        #expect(ContextThread(try ThreadID(id)) == space)
    }

    @Test(arguments: [
        "context~", "context~a~", "context~a~b~c", "context~%7e", "context~%41", "context~a%", "context~~b",
    ])
    func noOtherIdIsOneOfASpace(_ id: String) throws {
        let thread = try ThreadID(id)
        #expect(ContextThread(thread) == nil && ContextThread.isReserved(thread))
    }

    private static func code(_ body: () async throws -> Void) async -> AgentEventsError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? AgentEventsError)?.code
        }
    }

    /// Nobody opens the space of another user, and no id that looks like one.
    @Test(arguments: ["context~u_2", "context~u_2~x", "context~", "context~u_1~a~b"])
    func aSpaceIsOfItsUser(_ id: String) async throws {
        try await CommandStage.with { stage in
            let thread = try ThreadID(id)
            #expect(
                await Self.code { _ = try await stage.runtime.context(user: "u_1", thread: thread) }
                    == .stateUnknownSpace)
        }
    }

    /// 75: who is let in reads, and writes if it may; what is taken away ends at once.
    @Test(arguments: [ContextSpace.user, .private("health")], CommandStage.logs)
    func agentsAreLetIn(_ space: ContextSpace, contended: Bool) async throws {
        try await CommandStage.with(contended: contended) { stage in
            let own = try await stage.runtime.context(of: "u_1", space)
            try await own.set("Berlin", for: "city")
            let closed: AgentEventsError.Code = space == .user ? .stateForbidden : .stateUnknownSpace
            try await stage.run { run in
                let shared = try await run.context(space)
                // What reading and writing are refused with.
                func codes() async -> [AgentEventsError.Code?] {
                    [
                        await Self.code { _ = try await shared.entries() },
                        await Self.code { try await shared.set(1, for: "n") },
                    ]
                }
                #expect(await codes() == [closed, closed])
                try await own.allow("other", .write)
                #expect(await codes() == [closed, closed])
                try await own.allow("guide", .read)
                #expect(await codes() == [nil, .stateForbidden])
                #expect(try await shared.value("city", as: String.self) == "Berlin")
                try await own.allow("guide", .write)
                #expect(await codes() == [nil, nil])
                #expect(try await shared.removeValue(for: "n") == true)
                // An agent lets nobody in.
                #expect(await Self.code { try await shared.set(1, for: "~access") } == .stateForbidden)
                try await own.allow("guide", nil)
                #expect(await codes() == [closed, closed])
            }
            // Nothing of it is in the thread in which the agent works.
            let events = try await stage.runtime.log.read(LogRead(.thread("t_1", after: 0))).events
            #expect(events.allSatisfy { !String(decoding: $0.bytes, as: UTF8.self).contains("Berlin") })
        }
    }

    @Test func theSpaceOfTheThreadIsOpen() async throws {
        try await CommandStage.with { stage in
            try await stage.run { run in
                let shared = try await run.context(.thread)
                try await shared.set(1, for: "n")
                #expect(try await run.context.value("n", as: Int.self) == 1)
            }
            #expect(await Self.code { _ = try await stage.runtime.context(of: "u_1", .thread) } == .stateUnknownSpace)
            #expect(await Self.code { try await stage.context.allow("guide", .read) } == .stateForbidden)
        }
    }
}
