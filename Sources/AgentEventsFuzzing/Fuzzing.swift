import AgentEventsSimulation

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Inputs by number: the same seed and corpus give the same ones.
package struct Fuzzing: Sendable {
    /// An input that a subject did not stand.
    package struct Failure: Sendable {
        package var number: UInt64
        package var subject: FuzzSubject
        package var input: [UInt8]
        package var problem: String
    }

    /// The processor time for one input, in milliseconds: a thousand times what the largest takes.
    package static let maximumMilliseconds = 2000
    /// The memory by which a process may grow while it reads, in bytes, whatever the number of inputs.
    package static let maximumGrowth = 96 << 20

    private let seed: UInt64
    private let corpus: FuzzCorpus
    private let key: FuzzKey

    package init(seed: UInt64, corpus: FuzzCorpus, key: FuzzKey) {
        self.seed = seed
        self.corpus = corpus
        self.key = key
    }

    /// The input with a number.
    package func input(_ number: UInt64) -> (subject: FuzzSubject, bytes: [UInt8]) {
        let subject = FuzzSubject.of(number: number)
        var random = SimulationRandom(seed: seed ^ number &* 0xD6E8_FEB8_6659_FD93)
        return (subject, FuzzMutation(corpus.entries(of: subject)).input(&random))
    }

    /// Has the inputs with these numbers read, one after the other.
    ///
    /// - Parameter willRead: called before each, with its number.
    /// - Returns: the first that breaks something; `nil` when none does.
    package func run(_ numbers: Range<UInt64>, willRead: (UInt64) -> Void = { _ in }) -> Failure? {
        let bench = FuzzBench(corpus, key: key)
        let warm = numbers.lowerBound + UInt64(numbers.count / 5)
        var residentBytes: Int?
        for number in numbers {
            willRead(number)
            let (subject, bytes) = input(number)
            if let problem = Self.problem(of: bytes, read: subject, on: bench) {
                return Failure(number: number, subject: subject, input: bytes, problem: problem)
            }
            if number == warm { residentBytes = Memory.residentByteCount }
        }
        if let residentBytes, let now = Memory.residentByteCount, now - residentBytes > Self.maximumGrowth {
            return Failure(
                number: numbers.upperBound - 1, subject: .json, input: [],
                problem: "memory grew by \((now - residentBytes) >> 20) MiB while \(numbers.count) inputs were read")
        }
        return nil
    }

    /// Has one input read, and looks at the time.
    package static func problem(of input: [UInt8], read subject: FuzzSubject, on bench: FuzzBench) -> String? {
        let start = processorMilliseconds
        if let problem = bench.problem(of: input, read: subject) { return problem }
        let took = processorMilliseconds - start
        return took <= maximumMilliseconds
            ? nil : "it took \(took) ms of the processor for \(input.count) bytes, and may \(maximumMilliseconds)"
    }

    /// That of this thread: other threads do not count, and neither does waiting.
    private static var processorMilliseconds: Int {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }
}

/// The memory of this process.
private enum Memory {
    /// `nil` where the system does not tell.
    static var residentByteCount: Int? {
        guard let file = fopen("/proc/self/statm", "r") else { return nil }
        defer { fclose(file) }
        var text = [CChar](repeating: 0, count: 128)
        guard fgets(&text, 128, file) != nil else { return nil }
        let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        let words = String(decoding: bytes, as: UTF8.self).split(separator: " ")
        guard words.count > 1, let pages = Int(words[1]) else { return nil }
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
}
