import Foundation
import Testing

@testable import AgentEvents

/// The schemas of the arguments of tools, which may be nested.
@Suite struct ArgumentsSchemaTests {
    private enum Environment: String, Codable, CaseIterable, Sendable { case staging, production }

    private struct Place: Codable { var x: Double; var y: Double? }

    private struct Deployment: Codable {
        var build: String
        var count: Int
        var copies: UInt8
        var size: UInt
        var environment: Environment
        var regions: [Environment]
        var places: [Place]
        var home: Place
        var labels: [String: Int]
        var note: String?
        var anything: JSONValue
        var id: UUID
        var matrix: [[Bool]]
    }

    @Test func objectsArraysAndDictionariesAreNested() throws {
        let place: JSONValue = [
            "type": "object", "properties": ["x": ["type": "number"], "y": ["type": "number"]], "required": ["x"],
        ]
        let environment: JSONValue = ["type": "string", "enum": ["staging", "production"]]
        #expect(
            try SchemaProbe.arguments.schema(of: Deployment.self) == [
                "type": "object",
                "properties": [
                    "build": ["type": "string"], "count": ["type": "integer"],
                    "copies": ["type": "integer", "minimum": 0, "maximum": 255],
                    "size": ["type": "integer", "minimum": 0], "environment": environment,
                    "regions": ["type": "array", "items": environment], "places": ["type": "array", "items": place],
                    "home": place, "labels": ["type": "object", "additionalProperties": ["type": "integer"]],
                    "note": ["type": "string"], "anything": [:], "id": ["type": "string", "format": "uuid"],
                    "matrix": ["type": "array", "items": ["type": "array", "items": ["type": "boolean"]]],
                ],
                "required": [
                    "build", "count", "copies", "size", "environment", "regions", "places", "home", "labels",
                    "anything",
                    "id", "matrix",
                ],
            ])
    }

    private struct Nothing: Codable {}

    @Test func aTypeWithoutMembersIsAnObject() throws {
        #expect(try SchemaProbe.arguments.schema(of: Nothing.self) == ["type": "object", "properties": [:]])
        #expect(try SchemaProbe.arguments.schema(of: JSONValue.self)["type"] == "object")
    }

    private final class Tree: Codable { var children: [Tree] = [] }
    private struct Dated: Codable { var inner: [Day] }
    private struct Day: Codable { var day: Date }

    @Test func whatHasNoSchemaIsRefusedWithItsPlace() {
        func path(_ type: (some Decodable).Type) -> String? {
            do throws(WireError) {
                _ = try SchemaProbe.arguments.schema(of: type)
                return nil
            } catch {
                return error.path
            }
        }
        #expect(path(Dated.self)?.hasSuffix(".day") == true)
        #expect(path([Int].self) == "$")
        #expect(path(Int.self) == "$")
        #expect(path(Tree.self)?.hasPrefix("$.children") == true)
    }
}
