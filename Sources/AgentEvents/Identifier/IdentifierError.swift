/// Why a string is not valid as an identifier or a name.
public struct IdentifierError: Error, Hashable, Sendable, CustomStringConvertible {
    enum Problem: Hashable, Sendable {
        case empty
        case tooLong(byteCount: Int)
        case character(offset: Int)
        case control(offset: Int)
    }

    /// What the string was meant to be, in words: `thread id`, `tool name`.
    public let kind: String
    let problem: Problem

    /// One sentence: what is wrong, and what would have been right.
    public var message: String {
        switch problem {
        case .empty:
            "the \(kind) must not be empty"
        case .tooLong(let byteCount):
            "the \(kind) has \(byteCount) bytes, and may have at most \(IdentifierText.maximumByteCount)"
        case .character(let offset):
            "the \(kind) may have only the characters A-Z a-z 0-9 . _ : ~ -, at byte \(offset) there is another one"
        case .control(let offset):
            "the \(kind) must not have control characters, at byte \(offset) there is one"
        }
    }

    public var description: String { message }
}
