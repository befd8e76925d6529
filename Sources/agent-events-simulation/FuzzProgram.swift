import AgentEventsFuzzing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Reads inputs in processes of its own, so that one which stops the process, or never ends, is found too, and is made smaller.
struct FuzzProgram {
    private let options: FuzzOptions
    private let corpus: FuzzCorpus
    private let key: FuzzKey

    /// An input that takes this long, in seconds, never ends. Not a measure of speed: the machine may be busy.
    private static let patience = 120
    private static let attemptLimit = 400

    init(_ options: FuzzOptions) async throws {
        self.options = options
        key = try await FuzzKey()
        guard let corpus = FuzzCorpus(folder: options.corpus, key: key) else {
            throw UsageError("there are no examples in \(options.corpus)")
        }
        self.corpus = corpus
    }

    private var fuzzing: Fuzzing { Fuzzing(seed: options.seed, corpus: corpus, key: key) }

    /// - Returns: the exit code.
    func run(_ mode: FuzzOptions.Mode) -> Int32 {
        switch mode {
        case .campaign(let count): return campaign(count)
        case .part(let numbers, let place): return part(numbers, place)
        case .input(let input):
            let bench = FuzzBench(corpus, key: key)
            guard let problem = Fuzzing.problem(of: input.bytes, read: input.subject, on: bench) else {
                print("nothing is violated")
                return 0
            }
            print("violated: \(problem)")
            return 1
        }
    }

    // MARK: A process of the campaign

    private func part(_ numbers: Range<UInt64>, _ place: String) -> Int32 {
        let file = open(place, O_WRONLY)
        guard file >= 0 else { return 64 }
        let failure = fuzzing.run(numbers) { number in
            var number = number
            pwrite(file, &number, MemoryLayout<UInt64>.size, 0)
        }
        guard let failure else { return 0 }
        // Found again by its number, unless it is no single one.
        if failure.input.isEmpty { print("violated: \(failure.problem)") }
        return failure.input.isEmpty ? 2 : 1
    }

    // MARK: The campaign

    private struct Part {
        var process: ChildProcess
        var place: String
        var number: UInt64
        /// When the number was seen first, in seconds.
        var since: Int
    }

    private func campaign(_ count: UInt64) -> Int32 {
        let started = Self.seconds
        let partCount = min(count, UInt64(max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))))
        var parts: [Part] = []
        for index in 0..<partCount {
            let numbers = (index * count / partCount, (index + 1) * count / partCount)
            guard let place = TemporaryFile.make() else { return 69 }
            let arguments = common + ["--fuzz-part", "\(numbers.0),\(numbers.1),\(place)"]
            guard let process = ChildProcess(arguments, isSilent: false) else { return 69 }
            parts.append(Part(process: process, place: place, number: numbers.0, since: started))
        }
        defer { for part in parts { unlink(part.place) } }
        print("seed \(options.seed): \(count) inputs, in \(partCount) processes")
        while let index = parts.indices.first {
            usleep(20_000)
            for index in parts.indices {
                guard let number = TemporaryFile.number(in: parts[index].place), number != parts[index].number else {
                    continue
                }
                (parts[index].number, parts[index].since) = (number, Self.seconds)
            }
            let ended = parts.indices.first { parts[$0].process.poll() != nil } ?? index
            let part = parts[ended]
            if part.process.poll() == nil {
                guard let stuck = parts.first(where: { Self.seconds - $0.since > Self.patience }) else { continue }
                for part in parts { part.process.kill() }
                return report(stuck.number, "it never ends", isShrunk: false)
            }
            guard part.process.poll() != 0 else {
                unlink(part.place)
                parts.remove(at: ended)
                continue
            }
            let number = TemporaryFile.number(in: part.place) ?? part.number
            for other in parts where other.process.poll() == nil { other.process.kill() }
            guard part.process.poll() != 2 else { return 1 }
            return report(number, part.process.poll() == 1 ? nil : "the process stops", isShrunk: true)
        }
        print("\(count) inputs, nothing is violated, \(Self.seconds - started) s")
        return 0
    }

    private var common: [String] { ["--seed", "\(options.seed)", "--corpus", options.corpus] }

    /// Prints the input, as small as it becomes, and how to see it again.
    private func report(_ number: UInt64, _ problem: String?, isShrunk: Bool) -> Int32 {
        let (subject, bytes) = fuzzing.input(number)
        print(
            "violated: input \(number) of \(bytes.count) bytes for \(subject.rawValue)\(problem.map { ": \($0)" } ?? "")"
        )
        var input = FuzzInput(subject, bytes)
        // One that fails only after those before it stays as it is.
        if isShrunk, fails(bytes, subject) {
            var shrinking = FuzzShrinking(attemptLimit: Self.attemptLimit)
            input.bytes = shrinking.run(bytes) { fails($0, subject) }
        }
        print("\(input.bytes.count) bytes; again: agent-events-simulation --fuzz-input '\(input)'")
        _ = ChildProcess(common + ["--fuzz-input", "\(input)"], isSilent: false)?.wait()
        return 1
    }

    private func fails(_ bytes: [UInt8], _ subject: FuzzSubject) -> Bool {
        ChildProcess(common + ["--fuzz-input", "\(FuzzInput(subject, bytes))"], isSilent: true)?.wait() != 0
    }

    private static var seconds: Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec
    }
}
