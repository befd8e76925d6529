/// Waits until the task is cancelled, however long that takes.
func waitForCancellation() async throws {
    let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
    for await _ in stream {}
    continuation.finish()
    try Task.checkCancellation()
}
