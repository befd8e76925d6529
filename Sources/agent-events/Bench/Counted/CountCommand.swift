import ArgumentParser
import Foundation

/// `agent-events bench-count`: runs single operations a fixed number of times, for a counter of instructions and allocations:
/// `Tests/Bench/count.py`.
struct CountCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench-count", abstract: "Run single operations between marks, for a counter of instructions.",
        shouldDisplay: false)

    @Argument(help: "The operations. Default: all.")
    var operations: [CountedOperation] = []

    @Option(help: "How many allocations each operation makes that it does not need, for a check of the counter.")
    var planted = 0

    func run() async throws {
        let planted = PlantedWork(allocationCount: planted)
        // In a child task, as what is measured elsewhere.
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for operation in operations.isEmpty ? CountedOperation.allCases : operations {
                    try await BenchFolder.within(NSTemporaryDirectory()) { folder in
                        try await operation.run(planted, folder)
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}

/// An operation whose cost is counted.
enum CountedOperation: String, CaseIterable, ExpressibleByArgument, Sendable {
    /// From the call to the log's door: the order, the number, the bytes.
    case emit
    case commitInMemory = "commit-memory"
    case commitToFiles = "commit-files"
    /// From the bytes of a request of another program to the answer after the commit.
    case remoteEmit = "remote-emit"
    case deliverToOne = "deliver-1"
    case deliverToHundred = "deliver-100"
    /// An event of a page that is read from files and sent to a client that catches up.
    case replay
    case parse
    case decode
    case fold
    case handshake

    /// The number of times that it is run; enough that a cost that comes once does not show.
    var count: Int {
        switch self {
        case .emit: 3000
        case .commitInMemory: 800
        case .commitToFiles: 400
        case .remoteEmit: 800
        case .deliverToOne: 500
        case .deliverToHundred: 60
        case .replay: 1600
        case .parse, .decode, .handshake: 2000
        case .fold: 4000
        }
    }

    func run(_ planted: PlantedWork, _ folder: URL) async throws {
        let section = CountedSection(operation: self, planted: planted)
        switch self {
        case .emit: try await CommitOperations(section: section).emit()
        case .commitInMemory: try await CommitOperations(section: section).commitInMemory()
        case .commitToFiles: try await CommitOperations(section: section).commit(into: folder)
        case .remoteEmit: try await StreamOperations(section: section).emit()
        case .deliverToOne: try await StreamOperations(section: section).deliver(toCount: 1)
        case .deliverToHundred: try await StreamOperations(section: section).deliver(toCount: 100)
        case .replay: try await StreamOperations(section: section).replay(from: folder)
        case .parse: try await FormatOperations(section: section).parse()
        case .decode: try await FormatOperations(section: section).decode()
        case .fold: try await FormatOperations(section: section).fold()
        case .handshake: try await FormatOperations(section: section).handshake()
        }
    }
}
