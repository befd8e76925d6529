import Foundation
import Testing

@testable import AgentEvents

/// Forms that are made from Swift types.
@Suite(.timeLimit(.minutes(10))) struct SchemaProbeTests {
    private enum Environment: String, Codable, CaseIterable, Sendable { case staging, production }

    private struct Release: Codable, Hashable, Sendable {
        var environment: Environment
        var regions: [Environment]
        var count: UInt8
        var share: Double
        var isUrgent: Bool
        var note: String?
        var page: URL?
    }

    private struct Defaults: Decodable, Sendable {
        let name: String
        let count: Int
        enum CodingKeys: String, CodingKey { case name = "full_name", count }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            name = try container.decode(String.self, forKey: .name)
            count = try container.decodeIfPresent(Int.self, forKey: .count) ?? 1
        }
    }

    @Test func theMembersOfATypeAreFields() throws {
        let schema = try ApprovalSchema(of: Release.self)
        #expect(
            schema.json == [
                "type": "object",
                "properties": [
                    "environment": ["type": "string", "enum": ["staging", "production"]],
                    "regions": [
                        "type": "array", "uniqueItems": true,
                        "items": ["type": "string", "enum": ["staging", "production"]],
                    ],
                    "count": ["type": "integer", "minimum": 0, "maximum": 255], "share": ["type": "number"],
                    "isUrgent": ["type": "boolean"], "note": ["type": "string"],
                    "page": ["type": "string", "format": "uri"],
                ],
                "required": ["environment", "regions", "count", "share", "isUrgent"],
            ])
        #expect(schema.fields.map(\.name).first == "environment")
    }

    /// What the form lets through is what the type decodes from.
    @Test func whatFitsTheFormDecodes() throws {
        let schema = try ApprovalSchema(of: Release.self)
        let data: JSONValue = [
            "environment": "production", "regions": ["staging"], "count": 255, "share": 0.5, "isUrgent": true,
            "page": "https://example.org/x",
        ]
        try schema.check(data)
        let release: Release = try data.decode()
        #expect(release.environment == .production && release.regions == [.staging] && release.note == nil)
        #expect(throws: WireError.self) { try schema.check(["environment": "elsewhere"]) }
    }

    @Test func aDefaultOfOnesOwnMakesAFieldOptional() throws {
        let schema = try ApprovalSchema(of: Defaults.self)
        #expect(schema.fields.map(\.name) == ["full_name", "count"])
        #expect(schema.fields.map(\.isRequired) == [true, false])
    }

    private struct Nested: Decodable { var inner: Release }
    private struct Numbers: Decodable { var numbers: [Int] }
    private struct Named: Decodable { var tool: ToolName }
    private struct Dated: Decodable { var day: Date }

    @Test func aTypeOfWhichNoFormIsMadeIsRefused() {
        func path(_ type: (some Decodable).Type) -> String? {
            do throws(WireError) {
                _ = try ApprovalSchema(of: type)
                return nil
            } catch {
                return error.path
            }
        }
        #expect(path(Nested.self) == "$.inner")
        #expect(path(Numbers.self) == "$.numbers")
        #expect(path(Named.self) == "$.tool")
        #expect(path(Dated.self) == "$.day")
        #expect(path([Int].self) == "$")
        #expect(path(String.self) == "$")
    }

    @Test func anAnswerReachesTheAgentAsTheType() async throws {
        try await CommandStage.with { stage in
            async let form: Release = stage.run { run in
                try await run.approve("Where?", as: Release.self, id: "a_1").get().form
            }
            try await stage.wait(for: .approvalRequested)
            let wrong = await #expect(throws: AgentEventsError.self) {
                try await stage.context.answer(
                    ApprovalAnswer("a_1", isApproved: true, data: ["environment": "x"], by: "u_1"))
            }
            #expect(wrong?.code == .approvalDataInvalid)
            let data: JSONValue = [
                "environment": "staging", "regions": [], "count": 1, "share": 1, "isUrgent": false, "note": "now",
            ]
            _ = try await stage.context.answer(ApprovalAnswer("a_1", isApproved: true, data: data, by: "u_1"))
            let release = try await form
            #expect(release.environment == .staging && release.note == "now")
        }
    }

    @Test func aNoGivesItsReason() async throws {
        try await CommandStage.with { stage in
            async let reason: String? = stage.run { run in
                try await run.approve("Where?", as: Release.self, id: "a_1").reason
            }
            try await stage.wait(for: .approvalRequested)
            _ = try await stage.context.answer(
                ApprovalAnswer("a_1", isApproved: false, data: ["reason": "not today"], by: "u_1"))
            #expect(try await reason == "not today")
        }
    }

    /// Nothing is asked of which no form can be made.
    @Test func aTypeThatIsNoFormIsNotAsked() async throws {
        try await CommandStage.with { stage in
            let outcome = await stage.outcome { run in _ = try await run.approve("Which?", as: NumbersForm.self) }
            guard case .failure(let error) = outcome else {
                Issue.record("it is asked")
                return
            }
            #expect(error is WireError)
            let types = try await stage.types
            #expect(types == ["agent_failed"])
        }
    }

    private struct NumbersForm: Codable, Sendable { var numbers: [Int] }
}
