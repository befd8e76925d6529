/// The program was not asked for anything that it does.
struct UsageError: Error {
    let message: String
    init(_ message: String) { self.message = message }
}
