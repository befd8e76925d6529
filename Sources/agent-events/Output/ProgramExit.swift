internal import ArgumentParser
internal import Foundation

/// The ends of the program that are not good ones: the error goes to standard error, then the code is returned.
enum ProgramExit {
    /// Something was found wrong.
    static func wrong(_ message: String) -> ExitCode { say(message, ExitCode(1)) }

    /// Something that the program needs is unavailable.
    static func unavailable(_ message: String) -> ExitCode { say(message, ExitCode(69)) }

    /// The program was asked for something impossible.
    static func usage(_ message: String) -> ExitCode { say(message, ExitCode(64)) }

    private static func say(_ message: String, _ code: ExitCode) -> ExitCode {
        StandardError.write("error: \(message)")
        return code
    }
}

/// One line at a time for the person at the terminal, apart from the program's results.
enum StandardError {
    static func write(_ line: String) {
        // There is nobody left to tell when this fails.
        try? FileHandle.standardError.write(contentsOf: Data((line + "\n").utf8))
    }
}
