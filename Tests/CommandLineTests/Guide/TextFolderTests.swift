import AgentEvents
import Foundation
import Testing
import agent_events

@Suite struct TextFolderTests {
    private static func code(_ body: () throws -> String) -> String {
        do {
            return try "read: \(body())"
        } catch {
            return (error as? any CodedError)?.eventCode ?? "\(error)"
        }
    }

    @Test func hiddenLargeAndForeignFilesAreLeftOut() async throws {
        try await TemporaryFolder.with { outside in
            try outside.write("secret.txt", "secret")
            try await TemporaryFolder.with { folder in
                try folder.write("b.txt", "b")
                try folder.write("a/c.txt", "c")
                try folder.write(".hidden/d.txt", "d")
                try folder.write(".build-x/e.txt", "e")
                try folder.write(".f.txt", "f")
                try folder.write("large.txt", [UInt8](repeating: 0x61, count: TextFolder.maximumByteCount + 1))
                try folder.write("binary.bin", [0x61, 0x00, 0x62])
                try folder.link("inside.txt", to: "a/c.txt")
                try folder.link("outside.txt", to: "\(outside.path)/secret.txt")
                try folder.link("outside", to: outside.path)
                try folder.link("dangling.txt", to: "nowhere")
                try folder.link("loop", to: ".")
                let text = TextFolder(path: folder.path)
                #expect(text.exists)
                #expect(text.files() == ["a/c.txt", "b.txt", "binary.bin", "inside.txt"])
                #expect(text.isBinary("binary.bin"))
                #expect(!text.isBinary("b.txt"))
                #expect(!text.isBinary("gone.txt"))
            }
        }
    }

    @Test func everyFileThatCannotBeReadSaysWhy() async throws {
        try await TemporaryFolder.with { outside in
            try outside.write("secret.txt", "secret")
            try await TemporaryFolder.with { folder in
                try folder.write("good.txt", "good")
                try folder.write("latin.txt", [0x63, 0x61, 0x66, 0xE9])
                try folder.write("binary.bin", [0x61, 0x00])
                try folder.write("large.txt", [UInt8](repeating: 0x61, count: TextFolder.maximumByteCount + 1))
                try folder.link("outside.txt", to: "\(outside.path)/secret.txt")
                try folder.write("sub/x.txt", "x")
                let text = TextFolder(path: folder.path)
                for (path, expected) in [
                    ("good.txt", "read: good"), ("latin.txt", "file.not_text"), ("binary.bin", "file.not_text"),
                    ("large.txt", "file.too_large"), ("outside.txt", "file.outside"), ("sub", "file.not_regular"),
                    ("gone.txt", "file.missing"),
                    ("../\(URL(fileURLWithPath: outside.path).lastPathComponent)/secret.txt", "file.outside"),
                    ("sub/../good.txt", "read: good"), ("/etc/hostname", "file.missing"),
                ] {
                    #expect(Self.code { try text.text(of: path) } == expected, "\(path)")
                }
            }
        }
    }

    @Test func aFolderThatIsNoneDoesNotExist() {
        #expect(!TextFolder(path: "/nowhere/at/all").exists)
        #expect(TextFolder(path: "/nowhere/at/all").files().isEmpty)
    }
}
