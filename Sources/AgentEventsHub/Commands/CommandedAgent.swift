public import AgentEvents

/// An agent that takes commands of the application's own, such as `editor.undo`. It finds them in its run
/// (`AgentRun.commands`); a command that it does not take is refused with `command.unsupported`, and not logged.
public protocol CommandedAgent: ServedAgent {
    /// Says if the agent takes a command of this name. Called in the section in which the thread's events are made: it
    /// returns at once, and waits for nobody.
    func takes(_ command: CommandName) -> Bool
}
