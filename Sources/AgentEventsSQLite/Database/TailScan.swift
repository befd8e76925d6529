import AgentEvents
import GRDB

/// Reads the blocks behind the watermark into the part of the index that is in memory.
struct TailScan {
    let database: Database

    func run(into tail: inout LogTail) throws {
        let statement = try RawStatement(
            "SELECT id, generation, body FROM block WHERE id > ? ORDER BY id",
            in: database
        )
        defer { statement.reset() }
        statement.bind(tail.end, at: 1)
        while try statement.step() {
            let block = statement.integer(0)
            let generation = statement.unsigned(1)
            var reader = try BlockReader(statement.bytes(2), block: block, generation: generation)
            while let head = try reader.next() {
                let record = try reader.record(head)
                try note(record, generation: generation, block: block, in: &tail)
            }
            tail.reach(block: block)
        }
    }

    private func note(_ record: BlockRecord, generation: UInt64, block: Int64, in tail: inout LogTail) throws {
        let head: UInt64
        if let known = tail.head(number: record.thread) {
            head = known
        } else {
            guard let thread = try LogDatabase.thread(number: record.thread, in: database) else {
                throw LogConnection.corrupt("there is no thread number \(record.thread), which block \(block) names")
            }
            tail.insert(thread, isStored: true)
            head = thread.head?.sequence ?? 0
        }
        guard record.sequence > head else { return }
        guard record.sequence - head == 1 else {
            throw LogConnection.corrupt(
                "in block \(block), sequence \(record.sequence) of thread number \(record.thread) follows \(head)"
            )
        }
        let id = EventID(generation: generation, sequence: record.sequence)
        tail.restore(id, number: record.thread, mark: record.mark, block: block)
    }
}
