package import AgentEvents

/// The reasons for which the guide asks a person before it reads a file.
package enum ReadingConcern: Hashable, Sendable {
    /// The name has `secret` in it, in capitals or small letters: the name of the file, or of the one that a link leads to.
    case secret
    /// The file is larger than ``largeByteCount``.
    case large(byteCount: Int)

    /// The size up to which files are read without a question.
    package static let largeByteCount = 256 * 1024

    /// - Parameter names: the names of the file, without folders.
    package init?(names: [String], byteCount: Int) {
        if names.contains(where: { $0.lowercased().contains("secret") }) {
            self = .secret
        } else if byteCount > Self.largeByteCount {
            self = .large(byteCount: byteCount)
        } else {
            return nil
        }
    }

    /// The question to ask before the file is read.
    func approval(toRead file: String) -> ToolApproval {
        let reason =
            switch self {
            case .secret: "Its name says that it is secret"
            case .large(let byteCount): "It has \(byteCount / 1024) KiB"
            }
        return ToolApproval("May I read \(file) and quote it? \(reason).", schema: ReadingPermission.form)
    }
}

/// The form that is filled in when the guide may read a file.
package struct ReadingPermission: Hashable, Decodable, Sendable {
    /// The number of lines that may be quoted.
    package let lines: Int
    /// A remark, which stands in the answer beside the quotation; `nil` for none.
    package let comment: String?

    package static let defaultLineCount = 5

    private enum CodingKeys: String, CodingKey {
        case lines, comment
    }

    package init(lines: Int = defaultLineCount, comment: String? = nil) {
        self.lines = lines
        self.comment = comment
    }

    /// A yes without a form counts as one that changed nothing in it.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        lines = try container.decodeIfPresent(Int.self, forKey: .lines) ?? Self.defaultLineCount
        comment = try container.decodeIfPresent(String.self, forKey: .comment)
    }

    /// The schema, as a frontend gets it with the question.
    package static let form: ApprovalSchema = {
        let lines: JSONValue = [
            "type": "integer", "title": "Lines that may be quoted", "minimum": 1, "maximum": 20,
            "default": .integer(defaultLineCount),
        ]
        let comment: JSONValue = ["type": "string", "title": "Remark beside the quotation", "maxLength": 200]
        do throws(WireError) {
            return try ApprovalSchema(["type": "object", "properties": ["lines": lines, "comment": comment]])
        } catch {
            preconditionFailure("the guide's own form is one: \(error)")
        }
    }()
}
