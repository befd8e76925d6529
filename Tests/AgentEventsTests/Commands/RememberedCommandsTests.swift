import AgentEventsTesting
import Testing

@testable import AgentEvents

struct RememberedCommandsTests {
    private static func answer(_ number: UInt8) throws -> RememberedCommands.Answer {
        let digest = try #require(RequestDigest(bytes: [UInt8](repeating: number, count: RequestDigest.byteCount)))
        return RememberedCommands.Answer(digest: digest, receipt: CommandReceipt(.unchanged))
    }

    private static func key(_ number: Int) throws -> IdempotencyKey { try IdempotencyKey("k_\(number)") }

    @Test func anAnswerIsRememberedForTenMinutes() throws {
        var commands = RememberedCommands()
        let answer = try Self.answer(1)
        commands.remember(answer, as: "k_1", in: "t_1", at: .seconds(5))
        #expect(commands.find("k_1", in: "t_1", at: .milliseconds(604_999)) == answer)
        #expect(commands.find("k_1", in: "t_2", at: .seconds(6)) == nil)
        #expect(commands.find("k_1", in: "t_1", at: .seconds(605)) == nil)
        commands.remember(answer, as: "k_2", in: "t_1", at: .seconds(605))
        #expect(commands.count == 1)
    }

    @Test func aThreadHasTheLast256() throws {
        var commands = RememberedCommands()
        let answer = try Self.answer(1)
        commands.remember(answer, as: "other", in: "t_2", at: .zero)
        for number in 0..<300 {
            commands.remember(answer, as: try Self.key(number), in: "t_1", at: .milliseconds(number))
        }
        #expect(commands.count == 257)
        #expect(commands.find(try Self.key(43), in: "t_1", at: .seconds(1)) == nil)
        #expect(commands.find(try Self.key(44), in: "t_1", at: .seconds(1)) == answer)
        #expect(commands.find("other", in: "t_2", at: .seconds(1)) == answer)
        #expect(commands.find(try Self.key(299), in: "t_1", at: .milliseconds(600_298)) == answer)
        #expect(commands.find(try Self.key(299), in: "t_1", at: .milliseconds(600_299)) == nil)
        commands.remember(answer, as: "k", in: "t_1", at: .seconds(601))
        #expect(commands.count == 1)
    }

    @Test func theNewestAnswerUnderAKeyCounts() throws {
        var commands = RememberedCommands()
        let (first, second) = (try Self.answer(1), try Self.answer(2))
        commands.remember(first, as: "k", in: "t_1", at: .zero)
        commands.remember(second, as: "k", in: "t_1", at: .seconds(300))
        #expect(commands.find("k", in: "t_1", at: .seconds(601)) == second)
        #expect(commands.find("k", in: "t_1", at: .seconds(900)) == nil)
    }

    @Test func allThreadsTogetherHaveABound() throws {
        var commands = RememberedCommands()
        let answer = try Self.answer(1)
        for number in 0..<RememberedCommands.maximumCount + 10 {
            commands.remember(answer, as: "k", in: try ThreadID("t_\(number)"), at: .zero)
        }
        #expect(commands.count == RememberedCommands.maximumCount)
        #expect(commands.find("k", in: "t_9", at: .zero) == nil)
        #expect(commands.find("k", in: "t_10", at: .zero) == answer)
    }
}
