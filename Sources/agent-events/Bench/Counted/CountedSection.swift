/// The part of a run that is counted from outside: an operation, a number of times.
struct CountedSection {
    let operation: CountedOperation
    let planted: PlantedWork

    /// Runs the operation a few times, and then the number of times that is counted.
    ///
    /// - Parameters:
    ///   - share: how many operations one call of the body is.
    ///   - warmUp: how many calls come before, in which caches fill and what is made once is made.
    ///   - settle: waits until nothing is under way; it counts.
    func run(
        share: Int = 1,
        warmUp: Int = 64,
        _ body: () async throws -> Void,
        settle: () async throws -> Void = {}
    ) async throws {
        for _ in 0..<warmUp { try await body() }
        try await settle()
        Self.boundary("begin \(operation.rawValue) \(operation.count)")
        for _ in 0..<operation.count / share {
            try await body()
            planted.perform()
        }
        try await settle()
        Self.boundary("end \(operation.rawValue)")
    }

    /// The counter writes down at each call of this function what it has counted since the last one, and begins again. So it is
    /// called, and not made part of anything else.
    @inline(never)
    @_optimize(none)
    private static func boundary(_ mark: String) {
        // Who counts reads to the end.
        try? StandardOutput.write(mark)
    }
}

/// Work that an operation does not need.
struct PlantedWork: Sendable {
    let allocationCount: Int

    func perform() {
        guard allocationCount > 0 else { return }
        for number in 1...allocationCount { Self.keep([Int](repeating: number, count: 8 + number)) }
    }

    /// Makes sure that the array is made.
    @inline(never)
    @_optimize(none)
    private static func keep(_ numbers: [Int]) {}
}
