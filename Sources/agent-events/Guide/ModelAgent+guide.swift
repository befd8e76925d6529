package import AgentEvents
package import AgentEventsModels

extension ModelAgent {
    /// An agent that answers questions about a folder of text files: searches it, reads the best two matches side by side, and quotes
    /// them. Before it reads a file that may not be meant for everybody (``ReadingConcern``), it asks.
    ///
    /// Its model is a script (``GuideScript``) that needs no network: what it says follows from the results of the tools. It says its
    /// answers a word at a time, as models do, so that people can pause and stop it meanwhile.
    ///
    /// - Parameters:
    ///   - folderName: the folder's name in answers.
    ///   - wordsPerSecond: how many words of an answer it says; 0 for as fast as they can be logged.
    ///   - clock: the words are timed on it; `nil` for that of scripts.
    ///   - restart: what becomes of its runs when the process is gone.
    package static func guide(
        folder: TextFolder,
        folderName: String,
        wordsPerSecond: Double = 0,
        clock: (any Clock<Duration>)? = nil,
        restart: RestartMode = .resume
    ) -> ModelAgent {
        let script = GuideScript(folderName: folderName)
        let name = "guide-script"
        let reply: @Sendable (ModelRequest) -> [ModelPart] = { script.reply(to: $0) }
        let model =
            clock.map { ScriptedModel(name: name, wordsPerSecond: wordsPerSecond, clock: $0, reply) }
            ?? ScriptedModel(name: name, wordsPerSecond: wordsPerSecond, reply)
        return guide(folder: folder, model: model, restart: restart) { script.result(of: $0) }
    }

    /// The same with a real model, which decides itself what to search for and to read.
    package static func guide(
        folder: TextFolder,
        model: some LanguageModel,
        restart: RestartMode = .resume
    ) -> ModelAgent {
        guide(folder: folder, model: model, restart: restart, result: nil)
    }

    /// All that the guide does is reading, so what was under way in a process that is lost is done again.
    private static func guide(
        folder: TextFolder,
        model: some LanguageModel,
        restart: RestartMode,
        result: (@Sendable (ModelRequest) async throws -> JSONValue?)?
    ) -> ModelAgent {
        ModelAgent(
            "guide", model: model, instructions: instructions,
            tools: [.searchFiles(in: folder), .readFile(in: folder)], limits: AgentLimits(steps: 50), restart: restart,
            result: result)
    }

    private static let instructions = """
        You answer questions about the text files of a folder. First search for the words that matter, then read the files that have \
        the most to do with the question, and answer by what they say, with the names of the files and the numbers of the lines. Quote \
        nothing that you have not read. People may forbid you to read a file: then say so. Answer briefly, in plain text.
        """
}
