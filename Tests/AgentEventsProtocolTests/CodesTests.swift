import AgentEvents
import AgentEventsProtocol
import Foundation
import Testing

/// The page *Codes*.
struct CodesTests {
    private static let page: String = {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let place = root.appending(path: "Sources/AgentEventsProtocol/AgentEventsProtocol.docc/Codes.md")
        return (try? String(contentsOf: place, encoding: .utf8)) ?? ""
    }()

    /// The first cells of the rows of a text.
    private static func codes(in text: some StringProtocol) -> [String] {
        text.split(separator: "\n").compactMap { line in
            line.hasPrefix("| `") ? String(line.dropFirst(3).prefix { $0 != "`" }) : nil
        }
    }

    /// A code that is missing there, or there and nowhere else, is found.
    @Test func thePageHasEachCodeOnce() throws {
        let table = try #require(Self.page.firstMatch(of: /<!-- codes -->([\s\S]*)<!-- \/codes -->/)?.1)
        let codes =
            ProtocolError.Code.Name.allCases.map(\.rawValue) + OrderRule.allCases.map(\.rawValue)
            + WireError.Code.all.map(\.description) + EventLogError.Code.all.map(\.description)
            + SinkError.Code.all.map(\.description)
        let written = Self.codes(in: table)
        #expect(Set(codes).subtracting(written) == [], "not on the page")
        #expect(Set(written).subtracting(codes) == [], "on the page only")
        #expect(written.count == Set(written).count)
    }

    @Test func thePageSaysWhatMayBeTriedAgainOfTheLog() throws {
        let never = EventLogError.Code.all.filter { code in
            !ProtocolError(EventLogError(code, ""), threadID: nil).isRetryable
        }
        #expect(never == [.exists])
        #expect(
            Self.page.contains("The log of the service could not do it. All but `log.exists` may be tried again:\n"))
    }

    @Test func thePageHasTheCodesOfEventsOfTheService() throws {
        let rest = try #require(Self.page.components(separatedBy: "## Codes in events").last)
        let written = Set(Self.codes(in: rest))
        let codes = [ToolFailure.abandoned, .notStarted, .lost, .approvalDenied, .approvalExpired].map(\.code)
        #expect(Set(codes).subtracting(written) == [])
        #expect(written.contains(RunFailure.tooOld.code) && written.contains(RunFailure.notStartedInTime.code))
    }
}
