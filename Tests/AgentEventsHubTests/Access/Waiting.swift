import Testing

/// Gives other tasks their turn until a condition holds, for ten minutes at most.
func wait(
    for what: String,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + .seconds(600)
    while try await !condition() {
        try #require(ContinuousClock.now < deadline, "waited for \(what)", sourceLocation: sourceLocation)
        await Task.yield()
    }
}
