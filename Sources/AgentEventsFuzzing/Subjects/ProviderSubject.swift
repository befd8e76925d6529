import AgentEvents
import AgentEventsModels

/// The answers of providers of language models, in both dialects.
enum ProviderSubject {
    static func problem(of input: [UInt8]) -> String? {
        let names = FunctionNames(ModelRequest())
        return problem(of: input, ChatCompletionStateMachine(model: "m", names: names))
            ?? problem(of: input, ResponsesStateMachine(model: "m", names: names))
    }

    private static func problem<Machine: AnswerStateMachine>(of input: [UInt8], _ machine: Machine) -> String? {
        let whole = play([input[...]], machine)
        var sizes = PieceSizes(input)
        guard play(sizes.pieces(of: input), machine) == whole else { return "an answer depends on where it is cut" }
        var byteCount = 0
        for part in whole.parts {
            switch part {
            case .text(let text), .thought(let text):
                if text.isEmpty { return "a part is empty" }
                byteCount += text.utf8.count
            case .call, .usage: break
            }
        }
        // A byte that no text has becomes three, and the separators of thoughts are shorter than the events that bring them.
        return byteCount <= 3 * input.count ? nil : "\(input.count) bytes became a text of \(byteCount)"
    }

    private struct Play: Equatable {
        var parts: [ModelPart] = []
        var end: AnswerAction?

        /// - Returns: whether the answer has ended.
        mutating func take(_ action: AnswerAction) -> Bool {
            switch action {
            case .give(let more):
                parts += more
                return false
            case .finish(let more):
                parts += more
                end = .finish([])
            case .fail(let more, let error):
                parts += more
                end = .fail([], error)
            }
            return true
        }
    }

    private static func play<Machine: AnswerStateMachine>(_ pieces: [ArraySlice<UInt8>], _ machine: Machine) -> Play {
        var reading = AnswerReading(machine)
        var play = Play()
        for piece in pieces {
            var rest = piece
            while let action = reading.next(in: &rest) {
                if play.take(action) { return play }
            }
        }
        _ = play.take(reading.end(nil))
        return play
    }
}
