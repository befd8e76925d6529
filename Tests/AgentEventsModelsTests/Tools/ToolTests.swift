import AgentEvents
import AgentEventsModels
import Testing

/// What a model is told of a tool.
@Suite struct ToolTests {
    private enum Environment: String, Codable, CaseIterable, Sendable { case staging, production }

    private struct Deployment: Codable, Sendable {
        var build: String
        var environments: [Environment]
        var limits: [String: Int]?
    }

    @Test func itsParametersAreThoseOfItsType() {
        let tool = Tool("deploy", "Deploys a build.") { (_: Deployment, _) in }
        #expect(tool.name == "deploy" && !tool.isRepeatable)
        #expect(
            tool.description
                == ToolDescription(
                    name: "deploy", text: "Deploys a build.",
                    parameters: [
                        "type": "object",
                        "properties": [
                            "build": ["type": "string"],
                            "environments": [
                                "type": "array", "items": ["type": "string", "enum": ["staging", "production"]],
                            ],
                            "limits": ["type": "object", "additionalProperties": ["type": "integer"]],
                        ],
                        "required": ["build", "environments"],
                    ]))
    }

    @Test func givenParametersStayAsTheyAre() {
        let parameters: JSONValue = ["type": "object", "properties": ["q": ["type": "string", "maxLength": 9]]]
        let tool = Tool("search", "Searches.", parameters: parameters, repeatable: true) { (_: JSONValue, _) in 1 }
        #expect(tool.description.parameters == parameters && tool.isRepeatable)
    }
}
