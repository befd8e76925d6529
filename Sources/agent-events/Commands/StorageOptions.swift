internal import AgentEvents
internal import ArgumentParser

/// The options of `serve` for how much of the disk events may take.
struct StorageOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The most bytes that the events of all threads of one user take; further ones are refused. Default: no limit.",
            valueName: "bytes"))
    var maxStoredBytesPerUser: Int?

    @Option(
        help: ArgumentHelp(
            "The room on the disk below which events are refused, but for those that end what is open. 0 for none.",
            valueName: "bytes"))
    var diskReserve = 64 * 1024 * 1024

    func validate() throws {
        if let maxStoredBytesPerUser, maxStoredBytesPerUser < 1 {
            throw ValidationError("--max-stored-bytes-per-user is at least 1")
        }
        guard diskReserve >= 0 else { throw ValidationError("--disk-reserve is at least 0") }
    }

    func apply(to configuration: inout RuntimeConfiguration) {
        configuration.maximumStoredByteCountPerUser = maxStoredBytesPerUser
        configuration.minimumFreeByteCount = diskReserve
    }
}
