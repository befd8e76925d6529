/// Which words of a text count for a term.
package enum WordMatching: String, Encodable, Sendable {
    /// The term itself.
    case words
    /// Every word that begins with it.
    case beginnings

    package func matches(_ word: String, _ term: String) -> Bool {
        switch self {
        case .words: word == term
        case .beginnings: word.hasPrefix(term)
        }
    }
}
