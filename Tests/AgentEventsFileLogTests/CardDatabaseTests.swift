import AgentEvents
import GRDB
import Testing

@testable import AgentEventsFileLog

struct CardDatabaseTests {
    private static func database() throws -> DatabaseQueue {
        let database = try DatabaseQueue()
        try LogSchema.migrator.migrate(database)
        return database
    }

    private static func card(_ thread: ThreadID, _ time: Int64) -> ThreadCard {
        ThreadCard(thread: thread, user: "u_1", activity: Timestamp(milliseconds: time), bytes: [1])
    }

    /// A page costs the same with any number of threads: it is found in the tree of the table, and nothing is sorted.
    @Test(arguments: [CardDatabase.selectPlaces, CardDatabase.selectPlacesOfPrefix])
    func aPageIsFoundInTheTree(_ sql: String) throws {
        try Self.database().read { database in
            let rows = try Row.fetchAll(
                database, sql: "EXPLAIN QUERY PLAN " + sql,
                arguments: StatementArguments(Array(repeating: "x", count: sql.count { $0 == "?" })))
            let plan = rows.map { $0["detail"] as String }
            #expect(plan.count == 1)
            #expect(plan.first?.hasPrefix("SEARCH") == true, "\(plan)")
            #expect(plan.first?.contains("PRIMARY KEY (tenant=? AND") == true, "\(plan)")
        }
    }

    @Test func aDamagedCardIsNoCard() throws {
        let database = try Self.database()
        let query = CardQuery(readers: [.everybody], maximumCount: 9)
        for damage in [
            "UPDATE card SET body = x'02'", "UPDATE card SET user = 'u_2'", "UPDATE card SET activity = 8",
            "UPDATE listed SET activity = 8", "DELETE FROM card",
        ] {
            try database.write { database in
                try CardDatabase.save(Self.card("t_1", 7), in: database)
                #expect(try CardDatabase.list(query, in: database).count == 1)
                try database.execute(sql: damage)
                #expect(throws: EventLogError.self, "\(damage)") { _ = try CardDatabase.list(query, in: database) }
                try database.execute(sql: "DELETE FROM card; DELETE FROM listed")
            }
        }
    }

    /// A card that moves leaves nothing behind, in no list.
    @Test func aListHasOneRowOfAThread() throws {
        let database = try Self.database()
        try database.write { database in
            try StateDatabase.save(StoredValue(.member, thread: "t_1", name: "u_2", bytes: [1]), in: database)
            for time in [5, 3, 9] as [Int64] { try CardDatabase.save(Self.card("t_1", time), in: database) }
            #expect(try Int.fetchOne(database, sql: "SELECT count(*) FROM listed") == 3)
            try CardDatabase.remove("t_1", in: database)
            #expect(try Int.fetchOne(database, sql: "SELECT count(*) FROM listed") == 0)
            #expect(try Int.fetchOne(database, sql: "SELECT count(*) FROM card") == 0)
        }
    }
}
