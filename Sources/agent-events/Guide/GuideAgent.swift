package import AgentEvents
package import AgentEventsHub

/// Answers questions about a folder of text files: searches it, reads the best two matches side by side, and quotes
/// them. Before it reads a file that may not be meant for everybody (``ReadingConcern``), it asks.
///
/// There is no language model in it. Every event tells of something that was done. It says its answers a word at a time,
/// as a model does, so that people can pause and stop it meanwhile; what they write to it then narrows the question down.
package struct GuideAgent: ConcurrentAgent {
    package let name: AgentName = "guide"
    let folder: TextFolder
    /// The folder's name in answers.
    let folderName: String
    let pace: Pace

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

    /// - Parameter folderName: the folder's name in answers.
    package init(folder: TextFolder, folderName: String, pace: Pace = .unlimited) {
        self.folder = folder
        self.folderName = folderName
        self.pace = pace
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
}
