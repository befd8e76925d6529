import AgentEvents

/// Text with places for what a body has: `{{repository.name}} was built`.
struct HookTemplate: Hashable, Sendable {
    private enum Part: Hashable {
        case text(String)
        /// The way from the root of the body: names of members, and numbers of elements from 0. Empty for the body itself.
        case place([String])
    }

    /// The longest text that comes of a template, in bytes: 64 KiB.
    static let maximumByteCount = 64 * 1024

    private let parts: [Part]

    init(_ template: String) throws(HookError) {
        var parts: [Part] = []
        var rest = template[...]
        while let start = rest.firstRange(of: "{{") {
            if start.lowerBound > rest.startIndex { parts.append(.text(String(rest[..<start.lowerBound]))) }
            let after = rest[start.upperBound...]
            guard let end = after.firstRange(of: "}}") else {
                throw HookError("the template has {{ without }}: \(template.prefix(64))")
            }
            let path = after[..<end.lowerBound].split(separator: " ").joined()
            let names = path == "." ? [] : path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
            guard path == "." || names.allSatisfy({ !$0.isEmpty }) else {
                throw HookError(
                    "between {{ and }} stands a full stop, or names with full stops between them, not \"\(path.prefix(64))\""
                )
            }
            parts.append(.place(names))
            rest = after[end.upperBound...]
        }
        if !rest.isEmpty { parts.append(.text(String(rest))) }
        guard !parts.isEmpty else { throw HookError("a template is not empty") }
        self.parts = parts
    }

    /// What is missing in a body, or too much.
    struct Fault: Error {
        var message: String
        /// The way to it, where it is missing.
        var path: String?
    }

    /// The value of a template that is one place, and nothing else; the text of all others.
    func value(_ body: JSONValue) throws(Fault) -> JSONValue {
        if parts.count == 1, case .place(let path) = parts[0] { return try Self.find(path, in: body) }
        return .string(try text(body))
    }

    func text(_ body: JSONValue) throws(Fault) -> String {
        var text = ""
        for part in parts {
            switch part {
            case .text(let fixed): text += fixed
            case .place(let path):
                let value = try Self.find(path, in: body)
                text += value.stringValue ?? String(decoding: value.encoded(), as: UTF8.self)
            }
            guard text.utf8.count <= Self.maximumByteCount else {
                throw Fault(message: "what the template makes of the body has more than \(Self.maximumByteCount) bytes")
            }
        }
        return text
    }

    private static func find(_ path: [String], in body: JSONValue) throws(Fault) -> JSONValue {
        var value = body
        for name in path {
            // Not by a conditional expression, in which nil would be the value null.
            var element: JSONValue?
            if let elements = value.arrayValue, let index = Int(name), elements.indices.contains(index) {
                element = elements[index]
            }
            guard let next = value[name] ?? element else {
                throw Fault(
                    message: "the body has no \(path.joined(separator: ".")), which the template of this hook needs",
                    path: "$." + path.joined(separator: "."))
            }
            value = next
        }
        return value
    }
}
