import AgentEvents

/// The number of tokens of what is sent to a model or comes from it, where its provider did not tell: about four bytes each, a
/// part of one counts as one. For English that is close; other languages have more tokens than that.
enum TokenEstimate {
    static func count(ofBytes bytes: Int) -> Int64 { (Int64(bytes) + 3) / 4 }

    static func count(of request: ModelRequest) -> Int64 {
        var bytes = request.instructions.utf8.count
        for item in request.transcript.items { bytes += self.bytes(of: item) }
        for tool in request.tools {
            bytes += tool.name.rawValue.utf8.count + tool.text.utf8.count + tool.parameters.encoded().count
        }
        return count(ofBytes: bytes)
    }

    private static func bytes(of item: TranscriptItem) -> Int {
        switch item {
        case .user(let message):
            message.text.utf8.count + (message.data?.encoded().count ?? 0)
        case .assistant(let turn):
            turn.calls.reduce(turn.text.utf8.count + turn.thoughts.reduce(0) { $0 + $1.utf8.count }) { sum, call in
                sum + call.tool.rawValue.utf8.count + call.arguments.encoded().count + bytes(of: call.result)
            }
        }
    }

    private static func bytes(of result: TranscriptResult) -> Int {
        switch result {
        case .succeeded(let value): value?.encoded().count ?? 0
        case .failed(_, let sentence): sentence.utf8.count
        }
    }

    /// The size of a part of an answer.
    static func bytes(of part: ModelPart) -> Int {
        switch part {
        case .text(let text), .thought(let text): text.utf8.count
        case .call(let call): call.tool.utf8.count + bytes(of: call.arguments)
        case .usage: 0
        }
    }

    private static func bytes(of arguments: ModelArguments) -> Int {
        switch arguments {
        case .json(let value): value.encoded().count
        case .unreadable(let text): text.utf8.count
        }
    }
}
