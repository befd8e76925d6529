import AgentEvents
import AgentEventsFiles
import AgentEventsSimulatedFiles

@testable import AgentEventsFileLog

/// One history of a log on a simulated disk: appends, reads, trims, openings and closings, with ends of the process, cuts
/// of the power, full disks and failures in the middle of them. All of it follows from a seed.
struct SimulatedHistory {
    /// What the log did that it must not do.
    struct Fault: Error, CustomStringConvertible {
        var description: String
    }

    private let path = "/data/log"
    private let durability: FileEventLog.Durability
    private let disk: SimulatedDisk
    private var random: SplitMix
    private var index: MemoryIndex
    private var queue = ManualWorkQueue()
    private var log: FileEventLog?
    private var model = LogModel()
    private var generation: UInt64 = 0
    private var lastEndOffset: UInt64 = 0
    private var runCount = 0
    private var keyCount = 0
    /// Whether commits that were acknowledged may be gone: after a loss of power, at a durability that does not cover it.
    private var mayHaveLost = false
    private var hasIndex = true
    /// Whether a synchronization failed: what it gave up is only in the memory of the system, which nobody can see.
    private var hasFailedFlush = false
    private var hasFailed = false
    /// Whether a sweep of the log was not brought to its end.
    private var isSweeping = false
    /// What was done, the last at the end; for failures.
    private(set) var trace: [String] = []
    private let threads = (1...5).map { ThreadID(stringLiteral: "t_\($0)") }

    init(seed: UInt64, durability: FileEventLog.Durability) throws {
        self.durability = durability
        random = SplitMix(seed: seed)
        let disk = SimulatedDisk(seed: random.next())
        self.disk = disk
        try disk.createFolder("/data")
        try disk.openFolder("/").synchronize()
        index = try Self.emptyIndex(disk)
    }

    private static func emptyIndex(_ disk: SimulatedDisk) throws -> MemoryIndex {
        try MemoryIndex { () throws(FileError) in try disk.operate(.transaction) }
    }

    private mutating func chance(of count: Int) -> Bool { Int.random(in: 0..<count, using: &random) == 0 }

    private mutating func number(below limit: Int) -> Int { Int.random(in: 0..<limit, using: &random) }

    // MARK: Steps

    mutating func run(steps: Int) async throws {
        for _ in 0..<steps {
            disk.advanceTime(milliseconds: 1000)
            if let log { try await step(log) } else { try await open() }
        }
        // Whatever happened, the log can be used in the end.
        try await restart(cut: chance(of: 2))
        disk.setFreeByteCount(nil)
        try await open(undisturbed: true)
        guard let log else { return }
        let last = commit()
        try await log.append(last)
        model.append(last)
        try await verify(log)
        try await log.close()
    }

    private mutating func step(_ log: FileEventLog) async throws {
        switch number(below: 100) {
        case 0..<45: try await append(to: log)
        case 45..<57: trace.append("background \(queue.doNext())")
        case 57..<61: try await trim(log, (0..<2).map { _ in randomTrim() })
        case 61..<66: try await sweep(log)
        case 66..<70: try await save(log)
        case 70..<76:
            disk.stop(after: number(below: 40))
            trace.append("stop")
        case 76..<80:
            let operation = SimulatedDisk.Operation.allCases[number(below: SimulatedDisk.Operation.allCases.count)]
            // Reads that fail are told to the reader; what matters here is what the log keeps.
            guard operation != .read, operation != .open else { return }
            if operation == .synchronize || operation == .synchronizeNames { hasFailedFlush = true }
            trace.append("fail \(operation)")
            disk.fail(operation, after: number(below: 5), chance(of: 2) ? .full : .other)
        case 80..<83:
            trace.append("full")
            disk.setFreeByteCount(number(below: 6000))
        case 83..<87: try await close(log)
        case 87..<91: try await restart(cut: chance(of: 2))
        default: if !disk.isStopped { try await verify(log) }
        }
        if disk.isStopped { try await restart(cut: chance(of: 2)) }
    }

    private mutating func append(to log: FileEventLog) async throws {
        let commit = commit()
        trace.append("append \(commit.entries.map { "\($0.owner.thread) \($0.id)" })")
        do {
            try await log.append(commit)
        } catch {
            guard !hasFailed else { return try await restart(cut: chance(of: 2)) }
            hasFailed = true
            model.uncertain = commit
            // Reads are still answered, without what was not acknowledged.
            if !disk.isStopped { try await verify(log) }
            return
        }
        if hasFailed { throw Fault(description: "an append was taken after one that failed") }
        model.append(commit)
        if durability == .disk { model.durableCount = model.commits.count }
    }

    private mutating func trim(_ log: FileEventLog, _ trims: [ThreadTrim]) async throws {
        trace.append("trim \(trims.map { "\($0.thread) \($0.firstKept)" })")
        do {
            try await log.trim(trims)
            model.trim(trims, isCertain: true)
        } catch {
            model.trim(trims, isCertain: false)
            try await settle(log)
        }
    }

    /// After a trim or a value that was not certain, the log is opened again, so that only one thing is uncertain.
    private mutating func settle(_ log: FileEventLog) async throws { try await restart(cut: chance(of: 2)) }

    private mutating func sweep(_ log: FileEventLog) async throws {
        var policy = RetentionPolicy()
        switch number(below: 3) {
        case 0: policy.maximumEventsPerThread = 1 + number(below: 20)
        case 1: policy.maximumByteCount = Int64(1 + number(below: 20_000))
        default: policy.maximumAge = .seconds(1 + number(below: 60))
        }
        let query = RetentionQuery(policy: policy, now: disk.time, maximumThreadCount: 1 + number(below: 4))
        let isWhole = !chance(of: 4)
        trace.append("sweep \(policy)")
        let wasSweeping = isSweeping
        isSweeping = true
        for _ in 0..<(isWhole ? 10_000 : 3) {
            let step: RetentionStep
            do {
                step = try await log.expired(query)
            } catch {
                return
            }
            try await trim(log, step.trims)
            guard self.log != nil else { return }
            if step.isLast {
                isSweeping = false
                break
            }
        }
        guard isWhole, !wasSweeping, let limit = policy.maximumEventsPerThread else { return }
        for (thread, oldest) in model.trimmed(toEventsPerThread: limit) where oldest > model.oldest[thread] ?? 1 {
            throw Fault(description: "\(thread) begins at \(model.oldest[thread] ?? 1) after a sweep, not at \(oldest)")
        }
    }

    private mutating func save(_ log: FileEventLog) async throws {
        let value = [UInt8](repeating: UInt8(number(below: 256)), count: 3)
        do {
            try await log.save([StoredValue(.sink, name: "sink", bytes: value)])
            model.value = value
        } catch {
            model.uncertainValue = value
            try await settle(log)
        }
    }

    private mutating func close(_ log: FileEventLog) async throws {
        trace.append("close")
        do {
            try await log.close()
            if !hasFailed { model.durableCount = model.commits.count }
        } catch {
            // Nothing is lost by that.
        }
        self.log = nil
        try await restart(cut: hasFailedFlush || chance(of: 4))
    }

    /// Ends the process, with the power or without.
    private mutating func restart(cut: Bool) async throws {
        // What a synchronization gave up, a kill would hide until the next loss of power, and no program can know of it.
        let cut = cut || hasFailedFlush
        log = nil
        queue = ManualWorkQueue()
        trace.append(cut ? "cut" : "kill")
        if cut { disk.cutPower() } else { disk.endProcess() }
        if cut, durability == .process { mayHaveLost = true }
        (hasFailed, hasFailedFlush, isSweeping) = (false, false, false)
        if chance(of: 2) { disk.setFreeByteCount(nil) }
        let wasTrimmed = !model.oldest.isEmpty || model.uncertainOldest != nil
        if !wasTrimmed, !mayHaveLost, chance(of: 12) {
            index = try Self.emptyIndex(disk)
            hasIndex = false
            trace.append("lost index")
            (model.value, model.uncertainValue) = (nil, nil)
        }
    }

    private mutating func open(undisturbed: Bool = false) async throws {
        var configuration = FileEventLogTests.cramped
        configuration.durability = durability
        configuration.files = disk
        configuration.index = .memory(index)
        configuration.workers = .caller(background: queue)
        configuration.now = { [disk] in disk.time }
        configuration.monotonicNow = { .zero }
        configuration.generations = GenerationSource(clock: WallClock { [disk] in disk.time }, random: { 0 })
        if !undisturbed, chance(of: 4) { disk.stop(after: number(below: 30)) }
        let log = FileEventLog(path: path, configuration: configuration)
        trace.append("open")
        do {
            let opening = try await log.open()
            if hasIndex {
                guard opening.generation > generation else {
                    throw Fault(description: "the generation \(opening.generation) follows \(generation)")
                }
                guard opening.endOffset > lastEndOffset || lastEndOffset == 0 else {
                    throw Fault(description: "the opening begins at \(opening.endOffset), not after \(lastEndOffset)")
                }
            } else if let last = model.allEvents.map(\.id.generation).max(), opening.generation <= last {
                throw Fault(description: "the generation \(opening.generation) follows an event of \(last)")
            }
            (generation, lastEndOffset, hasIndex) = (opening.generation, opening.endOffset, true)
            self.log = log
            try await takeOver(log, opening)
        } catch let error as EventLogError {
            trace.append("\(error)")
            if disk.isStopped { return try await restart(cut: chance(of: 2)) }
            // Without an index, or when several commits were not flushed, nothing tells a first one that is torn from damage.
            let mayLoseAll = mayHaveLost ? model.durableCount == 0 : !hasIndex && model.commits.isEmpty
            if error.code == .corrupt, mayLoseAll {
                self = try SimulatedHistory(seed: random.next(), durability: durability)
                return
            }
            if undisturbed || error.code == .corrupt { throw error }
            disk.setFreeByteCount(nil)
            try await restart(cut: chance(of: 2))
        }
    }

    // MARK: Checks

    /// Finds how many commits the log has, and that it may have them.
    private mutating func takeOver(_ log: FileEventLog, _ opening: LogOpening) async throws {
        var heads: [ThreadID: EventID] = [:]
        for thread in threads { heads[thread] = try await log.thread(thread)?.head }
        let mustHave = mayHaveLost ? model.durableCount : model.commits.count
        let possible = model.possibleHeads(from: mustHave)
        guard let found = possible.first(where: { $0.value == heads })?.key else {
            throw Fault(
                description: "the log has \(heads), not \(model.heads), of which \(mustHave) of "
                    + "\(model.commits.count) commits must be there")
        }
        model.keep(found)
        mayHaveLost = false
        if let uncertain = model.uncertainOldest {
            var isDone = true
            for (thread, oldest) in uncertain where oldest != model.oldest[thread] ?? 1 {
                if try await log.thread(thread)?.oldest.sequence != oldest { isDone = false }
            }
            model.settleTrim(isDone: isDone)
        }
        let value = try await log.load(.sink, thread: nil, name: "sink")
        guard value == model.value || value == model.uncertainValue else {
            throw Fault(description: "the value is \(value ?? []), not \(model.value ?? [])")
        }
        (model.value, model.uncertainValue) = (value, nil)
        let open = Set(model.threads.filter { !$0.value.openRuns.isEmpty }.map(\.key))
        guard Set(opening.threadsWithOpenRuns) == open else {
            throw Fault(description: "runs are open in \(opening.threadsWithOpenRuns), not in \(open)")
        }
        try await verify(log)
    }

    /// Everything that is kept is there, in order, and nothing else.
    private mutating func verify(_ log: FileEventLog) async throws {
        for thread in threads {
            let record = try await log.thread(thread)
            let expected = model.threads[thread]
            guard record?.head == expected?.events.last?.id else {
                throw Fault(
                    description: "the head of \(thread) is \(record?.head.description ?? "none"), not "
                        + "\(expected?.events.last?.id.description ?? "none")")
            }
            guard let record, let expected else { continue }
            guard record.oldest.sequence == model.oldest[thread] ?? 1, record.openRuns == expected.openRuns else {
                throw Fault(description: "\(thread) begins at \(record.oldest), or its open runs are wrong")
            }
            let kept = expected.starts.filter { $0.value >= record.oldest.sequence }.keys
            let asked = Set(expected.starts.keys).union(["r_0"])
            guard try await log.startedRuns(among: asked, in: thread) == Set(kept) else {
                throw Fault(description: "the runs of \(thread) that the log knows are wrong")
            }
            let page = try await log.read(
                LogRead(.thread(thread, after: 0), maximumCount: 10_000, maximumByteCount: .max))
            guard page.events == expected.events.filter({ $0.id.sequence >= record.oldest.sequence }) else {
                throw Fault(description: "the events of \(thread) are \(page.events.map(\.id))")
            }
        }
        var all: [StoredEvent] = []
        var offset: UInt64 = 0
        while true {
            let page = try await log.read(LogRead(.all(afterOffset: offset), maximumCount: 1 + number(below: 50)))
            all += page.events
            offset = page.nextOffset
            if page.reachesEnd { break }
        }
        // In the order of the commits; of what was trimmed, some is still in files.
        var rest = all[...]
        for event in model.allEvents {
            if let next = rest.first, next == event {
                rest.removeFirst()
            } else if event.id.sequence >= model.oldest[event.thread] ?? 1 {
                throw Fault(description: "\(event.thread) \(event.id) is missing, or comes after another event")
            }
        }
        guard rest.isEmpty else {
            throw Fault(description: "there are events that nobody logged, or that were lost")
        }
        for keyed in model.commits.flatMap(\.keys) {
            guard try await log.recall(keyed.key, in: keyed.thread)?.ids == keyed.ids else {
                throw Fault(description: "the key \(keyed.key) does not stand for \(keyed.ids)")
            }
        }
    }

    // MARK: What is logged

    private mutating func randomTrim() -> ThreadTrim {
        let thread = threads[number(below: threads.count)]
        let head = Int(model.heads[thread]?.sequence ?? 0)
        return ThreadTrim(thread: thread, firstKept: UInt64(number(below: head + 3)))
    }

    private mutating func commit() -> LogCommit {
        var heads = model.heads
        var openRuns = model.threads.mapValues { $0.openRuns.map(\.run) }
        let count = chance(of: 5) ? 1 + number(below: 20) : 1 + number(below: 3)
        let used = [threads[number(below: threads.count)], threads[number(below: threads.count)]]
        var entries: [LogEntry] = []
        for _ in 0..<count {
            let thread = used[number(below: 2)]
            var (type, run) = (EventType.custom, RunID?.none)
            if chance(of: 6) {
                runCount += 1
                (type, run) = (runCount % 3 == 0 ? .agentQueued : .agentStarted, RunID(stringLiteral: "r_\(runCount)"))
                openRuns[thread, default: []].append(RunID(stringLiteral: "r_\(runCount)"))
            } else if chance(of: 4), let open = openRuns[thread]?.last {
                (type, run) = (.agentStarted, open)
            } else if chance(of: 2), let open = openRuns[thread]?.first {
                (type, run) = (.agentFailed, open)
                openRuns[thread]?.removeFirst()
            }
            let id = EventID(generation: generation, sequence: (heads[thread]?.sequence ?? 0) + 1)
            heads[thread] = id
            let size = chance(of: 20) ? 3000 + number(below: 3000) : 1 + number(below: 300)
            let byte = UInt8(number(below: 256))
            entries.append(
                LogEntry(
                    owner: ThreadOwner(thread: thread, user: "u_1"), id: id, type: type, run: run,
                    host: runCount % 2 == 0 ? .outside : .process, bytes: [UInt8](repeating: byte, count: size)))
        }
        var keys: [KeyedEvents] = []
        if chance(of: 4), let thread = entries.first?.owner.thread {
            keyCount += 1
            let ids = entries.filter { $0.owner.thread == thread }.map(\.id)
            keys = [KeyedEvents(key: IdempotencyKey(stringLiteral: "k_\(keyCount)"), thread: thread, ids: ids)]
        }
        return LogCommit(entries: entries, keys: keys, time: disk.time)
    }
}
