import Testing

/// Gives other tasks their turn until a condition holds, for ten minutes at most, or for what a test allows.
func wait(
    for what: String,
    within limit: Duration = .seconds(600),
    sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        try #require(ContinuousClock.now < deadline, "waited for \(what)", sourceLocation: sourceLocation)
        await Task.yield()
    }
}
