/// Brings words that mean the same to one form: lower case, and singular where a plural is plain to see.
package enum WordFold {
    package static func fold(_ word: some StringProtocol) -> String {
        var folded = word.lowercased()
        if folded.utf8.count > 4, folded.hasSuffix("ies") {
            folded.removeLast(3)
            folded += "y"
        } else if folded.utf8.count > 3, folded.hasSuffix("s"), !folded.hasSuffix("ss"), !folded.hasSuffix("us"),
            !folded.hasSuffix("is")
        {
            folded.removeLast()
        }
        return folded
    }
}
