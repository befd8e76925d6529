/// Why the input of a command cannot be read.
struct InputError: Error, CustomStringConvertible {
    let message: String

    var description: String { message }
}
