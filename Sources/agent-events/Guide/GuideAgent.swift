package import AgentEvents
package import AgentEventsHub

/// Answers questions about a folder of text files: searches it, reads the best two matches side by side, and quotes
/// them. Before it reads a file that may not be meant for everybody (``ReadingConcern``), it asks.
///
/// There is no language model in it. Every event tells of something that was done. It says its answers a word at a time,
/// as a model does, so that people can pause and stop it meanwhile; what they write to it then narrows the question down.
///
/// All that it does is reading, so a run whose process is lost is continued by the next one: questions stay open, and what
/// was under way is done again.
package struct GuideAgent: ConcurrentAgent, ResumableAgent {
    package let name: AgentName = "guide"
    let folder: TextFolder
    /// The folder's name in answers.
    let folderName: String
    let pace: Pace
    package let restart: RestartMode

    package let repeatableTools: Set<ToolName> = ["search_files", "read_file"]

    /// The speed at which answers are said.
    package struct Pace: Sendable {
        /// The time after each word; zero for none.
        package var pause: Duration
        /// Waits for that time.
        package var environment: Environment

        package init(pause: Duration, environment: Environment = .system) {
            self.pause = pause
            self.environment = environment
        }

        /// As fast as they can be logged.
        package static let unlimited = Pace(pause: .zero)
    }

    /// - Parameters:
    ///   - folderName: the folder's name in answers.
    ///   - restart: what becomes of its runs when the process is gone.
    package init(
        folder: TextFolder,
        folderName: String,
        pace: Pace = .unlimited,
        restart: RestartMode = .resume
    ) {
        self.folder = folder
        self.folderName = folderName
        self.pace = pace
        self.restart = restart
    }

    package var concurrency: AgentConcurrency {
        var settings = AgentConcurrency()
        settings.takesInput = true
        return settings
    }

    package func respond(to prompt: UserPrompt, run: AgentRun) async throws -> JSONValue? {
        var work = GuideWork(guide: self, run: run)
        return try await work.answer(prompt)
    }

    package func resume(_ resumed: ResumedRun) async throws -> JSONValue? {
        var work = GuideWork(guide: self, run: resumed.run)
        return try await work.resume(resumed)
    }
}
