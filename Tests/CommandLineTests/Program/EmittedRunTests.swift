import AgentEvents
import Foundation
import Testing

/// Runs that programs outside emit, as `serve` and `replay` have them.
@Suite(.serialized) struct EmittedRunTests {
    @Test(arguments: ["0s", "0", "86401", "-1m", "25h", "2d", "1500ms", "m", "soon"])
    func aTimeThatMakesNoSenseIsRefused(time: String) async throws {
        let outcome = try await Program.run(["serve", "--in-memory", "--emitted-run-timeout=\(time)"])
        #expect(outcome.status == 64)
        #expect(outcome.error.contains("from 1s to 24h: 90, 90s, 15m, 2h, 1d; not \(time)"), "\(outcome.error)")
    }

    /// An approval in a recording expired long ago; replayed, it expires as long after its request as it did.
    @Test func aRecordedAnswerIsInTimeAgain() async throws {
        func event(_ number: Int, _ type: String, _ data: String) -> String {
            #"{"type":"\#(type)","id":"1-\#(number)","seq":\#(number),"thread_id":"t_1","run_id":"r_1","agent":"guide","#
                + #""time":"2026-11-21T02:10:00.00\#(number)Z","data":\#(data)}"#
        }
        let recording = [
            event(1, "agent_started", "{}"),
            event(
                2, "approval_requested",
                #"{"approval_id":"a_1","prompt":"May I?","expires_at":"2026-11-21T02:20:00.000Z"}"#),
            event(3, "approval_resolved", #"{"approval_id":"a_1","decision":"approved"}"#),
            event(4, "agent_completed", #"{"duration_ms":3}"#),
        ]
        try await TemporaryFolder.with { folder in
            let path = "\(folder.path)/run.ndjson"
            try recording.joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
            try await RunningService.with(["--in-memory"]) { service in
                for (thread, speed) in [("t_1", "0"), ("t_2", "0.5"), ("t_3", "10")] {
                    let replayed = try await Program.run([
                        "replay", path, "--url", service.streamURL, "--thread", thread, "--speed", speed,
                    ])
                    #expect(replayed.status == 0, "\(replayed.error)")
                    #expect(try await service.page(thread) == [1, 2, 3, 4])
                }
            }
        }
    }
}
