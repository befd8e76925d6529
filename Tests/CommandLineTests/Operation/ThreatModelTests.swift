import Foundation
import Testing

/// The page of the threat model names tests that there are.
struct ThreatModelTests {
    @Test func eachTestThatThePageNamesIsThere() throws {
        let page = try MetricsTests.resource("../ThreatModel.md")
        let root = URL(fileURLWithPath: #filePath).pathComponents.prefix { $0 != "Tests" }.joined(separator: "/")
        let folder = "\(root.dropFirst())/Tests"
        var text = ""
        for case let name as String in try #require(FileManager.default.enumerator(atPath: folder))
        where (name.hasSuffix(".swift") && !name.hasSuffix("ThreatModelTests.swift")) || name.hasSuffix(".py") {
            text += "\(name)\n" + (try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8))
        }
        func isThere(_ number: Substring) -> Bool {
            text.contains("SEC-\(number)") || text.contains("func sec\(number)")
        }
        let numbers = Set(page.matches(of: /SEC-(\d\d)/).map(\.1))
        #expect(numbers.count > 30)
        for number in numbers { #expect(isThere(number), "SEC-\(number)") }
        #expect(!isThere("99"))
        let names = page.matches(of: /`(\w+Tests|\w+\.py)`/).map(\.1)
        #expect(names.count > 6)
        for name in names { #expect(text.contains(name), "\(name)") }
    }
}
