import AgentEvents

/// The names under which a provider is told of tools: letters, digits, `_` and `-`, 64 of them at most. A tool with such a name has it
/// there, too; for others it is made, and calls are told by it.
package struct FunctionNames: Hashable, Sendable {
    private static let maximumByteCount = 64

    private var names: [ToolName: String] = [:]
    private var tools: [String: ToolName] = [:]

    /// - Parameter request: its tools, and those that were called before.
    package init(_ request: ModelRequest) {
        let called = request.transcript.items.flatMap { item -> [ToolName] in
            switch item {
            case .user: []
            case .assistant(let turn): turn.calls.map(\.tool)
            }
        }
        let all = request.tools.map(\.name) + called
        for tool in all where Self.isUsual(tool.rawValue) { add(tool) }
        for tool in all { add(tool) }
    }

    /// - Parameter tool: one of the request.
    func name(of tool: ToolName) -> String { names[tool] ?? Self.usual(tool.rawValue) }

    /// - Parameter name: as the model wrote it.
    /// - Returns: the name of the tool, or what the model wrote where it is no tool's.
    func tool(named name: String) -> String { tools[name]?.rawValue ?? name }

    private mutating func add(_ tool: ToolName) {
        guard names[tool] == nil else { return }
        let usual = Self.usual(tool.rawValue)
        var name = usual
        var number = 1
        while tools[name] != nil {
            number += 1
            let suffix = "_\(number)"
            name = usual.prefix(Self.maximumByteCount - suffix.count) + suffix
        }
        names[tool] = name
        tools[name] = tool
    }

    private static func isUsual(_ name: String) -> Bool {
        name.utf8.count <= maximumByteCount && name.utf8.allSatisfy(isUsual(_:))
    }

    private static func isUsual(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte) || byte == UInt8(ascii: "_")
            || byte == UInt8(ascii: "-")
    }

    private static func usual(_ name: String) -> String {
        let bytes = name.utf8.map { isUsual($0) ? $0 : UInt8(ascii: "_") }
        return String(decoding: bytes.prefix(maximumByteCount), as: UTF8.self)
    }
}
