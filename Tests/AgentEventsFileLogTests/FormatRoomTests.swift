import AgentEvents
import AgentEventsFiles
import Foundation
import Testing

@testable import AgentEventsFileLog

/// The room that the format has for what is to come: encrypted blocks, and tenants.
@Suite struct FormatRoomTests {
    /// Marks the block at an offset of a file as encrypted, as a later program writes it.
    private func encrypt(_ file: String) throws {
        let name = try #require(file.split(separator: "/").last)
        let start = try #require(Segment.start(name: String(name)))
        var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
        var (offset, last) = (0, 0)
        while offset < bytes.count {
            last = offset
            offset += try bytes.withUnsafeBytes {
                try #require(BlockHeader(UnsafeRawBufferPointer(rebasing: $0[offset...]))).blockByteCount
            }
        }
        try bytes.withUnsafeMutableBytes { bytes in
            let block = UnsafeMutableRawBufferPointer(rebasing: bytes[last...])
            var header = try #require(BlockHeader(UnsafeRawBufferPointer(block)))
            header.isEncrypted = true
            header.seal(block, at: start + Int64(last))
        }
        #expect(bytes[last + 24] & 2 == 2, "the flag is the second bit of byte 24")
        try Data(bytes).write(to: URL(fileURLWithPath: file))
    }

    /// Not cut off as a torn one, and not passed over: refused, with its name.
    @Test(arguments: [true, false])
    func anEncryptedBlockIsRefused(indexed: Bool) async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log")
            let generation = try await log.open().generation
            try await log.append(commit(1, generation: generation))
            try await log.append(commit(2, generation: generation))
            let path: String
            if indexed {
                path = log.path
                try await log.close()
            } else {
                path = try copyOfFiles(of: log)
                try await log.close()
            }
            let file = try #require(try blockFiles(of: path).last)
            try encrypt(file)
            let before = try Data(contentsOf: URL(fileURLWithPath: file))
            let opened = FileEventLog(path: path)
            do {
                _ = try await opened.open()
                _ = try await opened.read(LogRead(.thread("t_1", after: 0)))
                Issue.record("there is no error")
            } catch let error as EventLogError {
                #expect(error.code == .unavailable && error.message.hasPrefix("encrypted block: "), "\(error)")
            }
            #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == before)
        }
    }

    /// Two tenants have threads of one id, and values of one name, that are not each other's.
    @Test func tenantsArePartOfTheKeys() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log")
            let generation = try await log.open().generation
            try await log.append(commit(1, generation: generation))
            try await log.save([StoredValue(.consumer, thread: "t_1", name: "tab", bytes: [1])])
            let other = StoredThread(
                number: 77, owner: ThreadOwner(thread: "t_1", user: "u_9"), tenant: "acme",
                oldest: EventID(generation: generation, sequence: 1))
            let index = try log.openConnection().index
            try index.transaction("adding to") { database in
                try LogDatabase.insert(other, in: database)
                try RawStatement(
                    "INSERT INTO state (kind, thread, name, value, checksum, tenant) "
                        + "VALUES ('consumer', 't_1', 'tab', x'02', 0, 'acme')", in: database
                ).run()
            }
            #expect(try await log.load(.consumer, thread: "t_1", name: "tab") == [1])
            #expect(try await log.loadAll(.consumer, thread: "t_1").map(\.bytes) == [[1]])
            #expect(try await log.thread("t_1")?.user == "u_1")
            let found = try index.read { try LogDatabase.row(of: ThreadKey("t_1", tenant: "acme"), in: $0) }
            #expect(found?.number == 77 && found?.owner.user == "u_9" && found?.tenant == "acme")
            #expect(try index.read { try LogDatabase.row(of: ThreadKey("t_1", tenant: "none"), in: $0) } == nil)
            try await log.close()
        }
        #expect(StoredKey(.sink, thread: nil, name: "a") != StoredKey(.sink, thread: nil, name: "a", tenant: "acme"))
        #expect(StoredKey(.sink, thread: nil, name: "\u{e9}") != StoredKey(.sink, thread: nil, name: "e\u{301}"))
    }

    /// What is kept of a deleted thread is of its tenant: another one may have a thread of that id, deleted or not.
    @Test func deletionsAreOfATenant() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log")
            let generation = try await log.open().generation
            try await log.append(commit(1, generation: generation))
            let other = StoredThread(
                number: 77, owner: ThreadOwner(thread: "t_1", user: "u_9"), tenant: "acme",
                oldest: EventID(generation: generation, sequence: 1))
            let index = try log.openConnection().index
            try index.transaction("adding to") { database in
                try LogDatabase.insert(other, in: database)
                try DeletionDatabase.delete(other, at: Timestamp(milliseconds: 5), in: database)
            }
            let key = ThreadKey("t_1", tenant: "acme")
            let deletion = try index.read { try DeletionDatabase.deletion(of: key, in: $0) }
            #expect(deletion?.belonged(to: "u_9", thread: "t_1", tenant: "acme") == true)
            #expect(deletion?.belonged(to: "u_9", thread: "t_1") == false)
            #expect(try index.read { try DeletionDatabase.deletion(of: ThreadKey("t_1"), in: $0) } == nil)
            #expect(try index.read { try DeletionDatabase.unfinished(in: $0).map(\.tenant) } == ["acme"])
            #expect(try await log.thread("t_1")?.user == "u_1")
            try await log.close()
        }
        #expect(ThreadDigest(of: "t_1") == ThreadDigest(of: "t_1", tenant: .default))
        #expect(ThreadDigest(of: "t_1") != ThreadDigest(of: "t_1", tenant: "acme"))
    }

    @Test func aThreadOfATenantIsReadFromItsBlock() throws {
        let entry = LogEntry(
            owner: ThreadOwner(thread: "t_1", user: "u_1"), id: EventID(generation: 3, sequence: 1), type: .custom,
            run: nil, bytes: [1])
        var plan = CommitPlan()
        plan.placements = [Placement(slot: 0, number: 9, mark: nil)]
        plan.newThreads = (["acme", .default] as [TenantID]).map {
            StoredThread(number: 9, owner: entry.owner, tenant: $0, oldest: entry.id)
        }
        let encoded = BlockEncoder.encode([entry], plan: plan, at: 0, synced: 0)
        try encoded.bytes.withUnsafeBytes { bytes in
            let content = UnsafeRawBufferPointer(rebasing: bytes[BlockHeader.byteCount...])
            var reader = BlockReader(content, position: 0, generation: 3)
            var tenants: [TenantID] = []
            while let head = try reader.next() {
                guard case .thread(let thread) = try reader.record(head) else { continue }
                #expect(thread.owner.thread == "t_1" && thread.owner.user == "u_1")
                tenants.append(thread.tenant)
            }
            #expect(tenants == ["acme", .default])
        }
    }

    /// The index of the version before had no tenants: all that it has is of the default one.
    @Test func anIndexWithoutTenantsIsTakenOver() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log", configuration: FileEventLogTests.cramped)
            let generation = try await log.open().generation
            for sequence in 1...50 as ClosedRange<UInt64> {
                try await log.append(commit(sequence, generation: generation))
                try await log.append(commit(sequence, of: "t_2", generation: generation))
            }
            try await log.save([StoredValue(.consumer, thread: "t_1", name: "tab", bytes: [1, 2])])
            try await log.close()
            _ = try await log.open()
            try log.openConnection().index.write("taking back") { database in
                for sql in [
                    "CREATE TABLE old (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, user TEXT NOT NULL, "
                        + "oldest_generation INTEGER NOT NULL, oldest_sequence INTEGER NOT NULL, "
                        + "checksum INTEGER NOT NULL)",
                    "INSERT INTO old SELECT number, id, user, oldest_generation, oldest_sequence, checksum FROM thread",
                    "DROP TABLE thread", "ALTER TABLE old RENAME TO thread",
                    "CREATE TABLE old (kind TEXT NOT NULL, thread TEXT NOT NULL, name TEXT NOT NULL, "
                        + "value BLOB NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY (kind, thread, name)) WITHOUT ROWID",
                    "INSERT INTO old SELECT kind, thread, name, value, checksum FROM state", "DROP TABLE state",
                    "ALTER TABLE old RENAME TO state", "DELETE FROM grdb_migrations WHERE identifier = 'tenants'",
                ] { try RawStatement(sql, in: database).run() }
            }
            let copy = try copyOfFiles(of: log)
            try? await log.close()
            let next = FileEventLog(path: copy, configuration: FileEventLogTests.cramped)
            _ = try await next.open()
            for thread in ["t_1", "t_2"] as [ThreadID] {
                #expect(try await next.read(LogRead(.thread(thread, after: 0))).events.count == 50)
            }
            #expect(try await next.load(.consumer, thread: "t_1", name: "tab") == [1, 2])
            try await next.close()
        }
    }
}
