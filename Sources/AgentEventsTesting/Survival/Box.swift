/// The result of a task that may never have one.
final class Box<Value: Sendable>: Sendable {
    private let results: AsyncStream<Result<Value, any Error>>
    private let continuation: AsyncStream<Result<Value, any Error>>.Continuation

    init() { (results, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1)) }

    func put(_ result: Result<Value, any Error>) { continuation.yield(result) }

    /// The result, waited for once.
    ///
    /// - Returns: `nil` when the time is over.
    func value(within limit: Duration, _ clock: any Clock<Duration>) async -> Result<Value, any Error>? {
        let results = results
        return await withTaskGroup(of: Result<Value, any Error>?.self) { group in
            group.addTask {
                for await result in results { return result }
                return nil
            }
            group.addTask {
                // A cancelled sleep is the end of the wait as well.
                try? await clock.sleep(for: limit)
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
    }
}

extension Result where Failure == any Error {
    /// The outcome of work that suspends.
    init(_ work: () async throws -> Success) async {
        do {
            self = .success(try await work())
        } catch {
            self = .failure(error)
        }
    }
}
