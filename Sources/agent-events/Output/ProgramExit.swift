internal import ArgumentParser

/// How the program ends when it does not end well: the error is said on standard error, then the code is returned.
enum ProgramExit {
    /// Something was found wrong.
    static func wrong(_ message: String) -> ExitCode { say(message, ExitCode(1)) }

    /// What is needed is not there.
    static func unavailable(_ message: String) -> ExitCode { say(message, ExitCode(69)) }

    /// What was asked for is not possible.
    static func usage(_ message: String) -> ExitCode { say(message, ExitCode(64)) }

    private static func say(_ message: String, _ code: ExitCode) -> ExitCode {
        StandardError.write("error: \(message)")
        return code
    }
}
