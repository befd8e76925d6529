import AgentEvents
import AgentEventsTesting
import Foundation
import Testing

@testable import AgentEventsHub

/// The rules of zones, against those of Foundation, which reads the same files in another way.
@Suite(.timeLimit(.minutes(2))) struct ZoneTests {
    static let hasData = FileManager.default.fileExists(atPath: "/usr/share/zoneinfo/Europe/Berlin")

    @Test(
        .enabled(if: hasData),
        arguments: [
            "Europe/Berlin", "Australia/Lord_Howe", "America/New_York", "Asia/Kolkata", "Pacific/Apia",
            "America/Sao_Paulo",
            "Africa/Casablanca", "Europe/Dublin", "Asia/Tehran", "Antarctica/Troll", "America/St_Johns",
            "Pacific/Chatham",
            "Asia/Gaza", "Etc/GMT+12", "America/Godthab", "Africa/Monrovia",
        ])
    func offsetsAreThoseOfFoundation(name: String) throws {
        let zone = try #require(ZoneFolder().rules(named: name))
        let known = try #require(TimeZone(identifier: name))
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<3000 {
            // From 1970 to 2037, as far as all tables go.
            let second = Int64.random(in: 0..<2_114_380_800, using: &generator)
            let expected = known.secondsFromGMT(for: Date(timeIntervalSince1970: Double(second)))
            #expect(zone.offset(at: second) == Int64(expected), "\(name) at \(second)")
        }
    }

    @Test func theRuleAtTheEndCountsForAllYearsToCome() throws {
        let berlin = try #require(ZoneTail("CET-1CEST,M3.5.0,M10.5.0/3"))
        #expect(try offset(berlin, "2100-07-01T00:00:00Z") == 7200)
        #expect(try offset(berlin, "2100-03-28T00:59:59Z") == 3600)
        #expect(try offset(berlin, "2100-03-28T01:00:00Z") == 7200)
        let south = try #require(ZoneTail("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"))
        #expect(try offset(south, "2100-01-01T00:00:00Z") == 39_600)
        #expect(try offset(south, "2100-07-01T00:00:00Z") == 37_800)
        let julian = try #require(ZoneTail("EST5EDT4,J60/-1,365/26:30:15"))
        #expect(try offset(julian, "2027-03-01T03:59:59Z") == -18_000)
        #expect(try offset(julian, "2027-03-01T04:00:00Z") == -14_400)
        #expect(try offset(julian, "2028-03-01T04:00:00Z") == -14_400)
    }

    @Test(arguments: [
        "", "CE-1", "CET", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0",
        "CET-1CEST,M3.5.7,M10.5.0", "<CET-1", "CET-1CEST,M3.5.0,M10.5.0x", "CET-999", "CET-1:60",
    ])
    func whatIsNoRuleIsNone(text: String) {
        #expect(ZoneTail(text) == nil)
    }

    @Test(.enabled(if: hasData)) func aFileThatIsCutOffOrChangedNeverTraps() throws {
        let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: "/usr/share/zoneinfo/Europe/Berlin")))
        #expect(ZoneFile(bytes) != nil)
        for count in 0..<bytes.count { #expect(ZoneFile(Array(bytes.prefix(count))) == nil, "\(count)") }
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<3000 {
            var changed = bytes
            for _ in 0..<3 {
                changed[Int.random(in: 0..<bytes.count, using: &generator)] = .random(in: 0...255, using: &generator)
            }
            _ = ZoneFile(changed)?.offset(at: 1_800_000_000)
        }
    }

    @Test(arguments: [
        "../etc/passwd", "/etc/passwd", "Europe//Berlin", "Europe/../UTC", "", ".", "Europe", "Nowhere",
        "Europe/Berlin\u{0}",
    ])
    func aNameLeadsToNoOtherFile(name: String) {
        #expect(ZoneFolder().rules(named: name) == nil)
    }

    @Test func withoutFilesThereIsUTC() {
        let folder = ZoneFolder(paths: ["/nowhere"])
        #expect(folder.rules(named: "UTC")?.offset(at: 0) == 0)
        #expect(folder.rules(named: "Europe/Berlin") == nil)
    }

    private func offset(_ zone: ZoneTail, _ time: String) throws -> Int64 {
        zone.offset(at: try #require(Timestamp(rfc3339: time)).milliseconds / 1000)
    }
}
