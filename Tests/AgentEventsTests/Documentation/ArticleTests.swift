import Foundation
import Testing

/// The code of an article is what is compiled and run beside this file.
struct ArticleTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The blocks of Swift in an article.
    private static func blocks(of article: String) -> [String] {
        article.components(separatedBy: "```swift\n").dropFirst().map {
            $0.components(separatedBy: "\n```")[0]
        }
    }

    @Test(arguments: ["StreamingAgent", "WritingALog", "WritingASink"])
    func theCodeOfAnArticleIsCompiled(name: String) throws {
        let folder = Self.root.appending(path: "Sources/AgentEvents/AgentEvents.docc")
        let article = try String(contentsOf: folder.appending(path: "\(name).md"), encoding: .utf8)
        let source = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "\(name).swift")
        let code = try String(contentsOf: source, encoding: .utf8)
        let blocks = Self.blocks(of: article)
        #expect(!blocks.isEmpty)
        for block in blocks { #expect(code.contains(block), "not in \(name).swift:\n\(block)") }
    }
}
