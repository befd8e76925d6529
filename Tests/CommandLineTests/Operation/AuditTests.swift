import AgentEvents
import AgentEventsHub
import Foundation
import Logging
import Testing

@testable import agent_events

struct AuditTests {
    @Test func theChainSurvivesAStartAndShowsAChange() async throws {
        try await TemporaryFolder.with { folder in
            let path = "\(folder.path)/audit.ndjson"
            for number in 1...3 {
                let file = try AuditFile(path: path, logger: Logger(label: "test"))
                for step in 1...2 {
                    file.record(
                        AuditEntry(
                            who: "u_\(number)", from: "10.0.0.1", what: "test.done", details: ["n": .integer(step)]))
                }
            }
            let whole = try await Program.run(["audit", path])
            #expect(whole.status == 0, "\(whole)")
            #expect(whole.output == "6 entries, and the chain is whole\n")
            let text = try String(contentsOfFile: path, encoding: .utf8)
            let lines = text.split(separator: "\n").map(String.init)
            #expect(
                lines[3].contains(#""seq":4,"#)
                    && lines[3].contains(#""who":"u_2","from":"10.0.0.1","what":"test.done","#))
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            var without = lines
            without.remove(at: 2)
            for (changed, line) in [
                (text.replacingOccurrences(of: #""seq":2,"time"#, with: #""seq":2, "time"#), 3),
                (without.joined(separator: "\n"), 3), (lines.reversed().joined(separator: "\n"), 1),
            ] {
                try changed.write(toFile: path, atomically: false, encoding: .utf8)
                let broken = try await Program.run(["audit", path])
                #expect(broken.status == 1)
                #expect(broken.lines.first?.hasPrefix("line \(line): ") == true, "\(broken)")
            }
            #expect(try await Program.run(["audit", "\(folder.path)/none"]).status == 69)
        }
    }

    @Test func aTornLineHarmsNoOther() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try #"{"seq":1,"#.write(toFile: path, atomically: false, encoding: .utf8)
        try AuditFile(path: path, logger: Logger(label: "test")).record(AuditEntry(who: "u", what: "x"))
        let lines = AuditFile.lines(Array(FileManager.default.contents(atPath: path) ?? Data()))
        var chain = AuditChain()
        #expect(lines.map { chain.check($0) == nil } == [false, true])
    }

    @Test func refusalsAreSampled() {
        var sampling = AuditSampling()
        let times: [Int64] = [0, 1, 999, 1000, 1500, 5000]
        #expect(times.map { sampling.take(at: .milliseconds($0)) } == [0, nil, nil, 2, nil, 1])
    }
}
