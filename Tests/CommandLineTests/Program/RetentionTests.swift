import AgentEvents
import Foundation
import Testing

/// `serve` with limits on what it keeps. Each start trims what is due, so some starts are enough.
@Suite(.serialized) struct RetentionTests {
    private static func emit(_ count: Int, _ service: RunningService) async throws {
        let lines = (0..<count).map { #"{"type":"custom","data":{"name":"n","value":\#($0)}}"# }
        #expect(try await service.emit(lines, thread: "t").status == 0)
    }

    @Test(arguments: [["--retain-events", "5"], ["--retain-age", "1s"], ["--retain-bytes", "1"]])
    func theOldestEventsGoAndTheRestIsDense(_ arguments: [String]) async throws {
        try await TemporaryFolder.with { folder in
            var count: UInt64 = 0
            var first: UInt64 = 1
            for _ in 0..<30 where first == 1 {
                try await RunningService.with(["--data", "\(folder.path)/data"] + arguments) { service in
                    try await Self.emit(20, service)
                    count += 20
                    let page = try await service.page("t")
                    first = try #require(page.first)
                    #expect(page.last == count)
                    #expect(page == Array(first...count))
                    service.program.send(signal: SIGTERM)
                    #expect(try await service.program.outcome().status == 0)
                }
            }
            #expect(first > 1)
            // Without the option everything stays.
            try await RunningService.with(["--data", "\(folder.path)/data"]) { service in
                let page = try await service.page("t")
                #expect(try #require(page.first) >= first && page.last == count)
            }
        }
    }

    @Test(arguments: [
        ["--retain-age", "0s"], ["--retain-age", "7"], ["--retain-age", "-1d"], ["--retain-events", "0"],
        ["--retain-bytes", "0"], ["--retain-bytes", "many"],
    ])
    func aLimitThatMakesNoSenseIsRefused(_ arguments: [String]) async throws {
        let outcome = try await Program.run(["serve", "--in-memory"] + arguments)
        #expect(outcome.status == 64)
        #expect(outcome.error.contains(arguments[0]) || outcome.error.contains("age"), "\(outcome.error)")
    }
}
