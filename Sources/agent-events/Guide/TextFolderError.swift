internal import AgentEvents

/// Why a file of the folder could not be read.
struct TextFolderError: CodedError, Hashable {
    enum Reason: String {
        case isMissing = "file.missing"
        case isOutside = "file.outside"
        case isNoFile = "file.not_regular"
        case isTooLarge = "file.too_large"
        case isNoText = "file.not_text"
        case isUnreadable = "file.unreadable"

        /// Without the path.
        var explanation: String {
            switch self {
            case .isMissing: "the file is not there any longer"
            case .isOutside: "it leads out of the folder"
            case .isNoFile: "it is not a regular file"
            case .isTooLarge: "it is larger than 1 MiB"
            case .isNoText: "it is not text in UTF-8"
            case .isUnreadable: "permission to read it is missing"
            }
        }
    }

    let reason: Reason
    let path: String

    var eventCode: String { reason.rawValue }
    var eventMessage: String { "\(path): \(reason.explanation)" }
}
