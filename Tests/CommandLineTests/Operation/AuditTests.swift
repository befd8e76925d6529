import AgentEvents
import AgentEventsHub
import AgentEventsTestSupport
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
            // What is missing is told once, and not of each line after it.
            try (without.joined(separator: "\n") + "\n").write(toFile: path, atomically: false, encoding: .utf8)
            let gap = try await Program.run(["audit", path])
            #expect(gap.lines.count { $0.hasPrefix("line ") } == 1, "\(gap)")
            #expect(gap.lines.first == "line 3: entry 3 is missing before it", "\(gap)")
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

    /// A full file gets another name, and one chain goes through all of them and over starts.
    @Test func theChainGoesThroughFilesOfABoundedSize() async throws {
        try await TemporaryFolder.with { folder in
            let path = "\(folder.path)/audit.ndjson"
            for _ in 1...3 {
                let file = try AuditFile(path: path, maximumByteCount: 1000, logger: Logger(label: "test"))
                for step in 1...7 {
                    file.record(AuditEntry(who: "u_1", what: "test.done", details: ["n": .integer(step)]))
                }
            }
            let pieces = AuditPieces(path: path).all
            #expect(pieces.count > 2 && pieces.last == path)
            #expect(pieces.first == "\(folder.path)/audit-000001.ndjson")
            for piece in pieces {
                let attributes = try FileManager.default.attributesOfItem(atPath: piece)
                #expect(attributes[.size] as? Int ?? 0 <= 1000)
                #expect(attributes[.posixPermissions] as? Int == 0o600)
            }
            let whole = try await Program.run(["audit", path])
            #expect(whole.status == 0, "\(whole)")
            #expect(whole.output == "21 entries, and the chain is whole through \(pieces.count) files\n")

            // A file in the middle is changed: the next one shows it, also at a start.
            let middle = pieces[pieces.count - 2]
            let text = try String(contentsOfFile: middle, encoding: .utf8)
            try text.replacingOccurrences(of: "test.done", with: "test.gone").write(
                toFile: middle, atomically: false, encoding: .utf8)
            let broken = try await Program.run(["audit", path])
            #expect(broken.status == 1)
            #expect(broken.output.contains("\(path), line 1: "), "\(broken)")
            let lines = LineRecord<String>()
            _ = try AuditFile(
                path: path, maximumByteCount: 1000,
                logger: Logger(label: "test") { _ in
                    ServiceLogHandler(
                        label: "x", format: .text, level: ServiceLogHandler.SharedLevel(.info), write: lines.append)
                })
            #expect(lines.all.count == 1)
            #expect(lines.all.first?.hasSuffix("the audit file is not what was written") == true, "\(lines.all)")
            try text.write(toFile: middle, atomically: false, encoding: .utf8)

            // What was moved away is missed, unless that is known.
            try FileManager.default.removeItem(atPath: pieces[0])
            #expect(try await Program.run(["audit", path]).status == 1)
            let rest = try await Program.run(["audit", path, "--begins-later"])
            #expect(rest.status == 0, "\(rest)")
            // And a start continues all the same.
            try AuditFile(path: path, maximumByteCount: 1000, logger: Logger(label: "test"))
                .record(AuditEntry(who: "u_1", what: "test.done"))
            let later = try await Program.run(["audit", path, "--begins-later"])
            #expect(later.output.hasPrefix("22 entries, "), "\(later)")
        }
    }

    @Test func refusalsAreSampled() {
        var sampling = AuditSampling()
        let times: [Int64] = [0, 1, 999, 1000, 1500, 5000]
        #expect(times.map { sampling.take(at: .milliseconds($0)) } == [0, nil, nil, 2, nil, 1])
    }
}
