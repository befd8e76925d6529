/// A fault in a call.
@nonexhaustive
public enum Fault: Hashable, Sendable {
    /// Nothing is done, and an error is thrown.
    case fail
    /// All is done, and an error is thrown all the same: the acknowledgement is lost.
    case failAfterwards
    /// So many events are taken, and then an error is thrown. For a log, whose commits are whole, the same as ``fail``.
    case partial(Int)
    /// All is done, and the call returns when this number of later calls have returned, or the test releases it:
    /// acknowledgements come in another order. A caller that makes one call after the other waits for the release.
    case overtaken(by: Int)
    /// Nothing is done until the test releases the call, or its task is cancelled.
    case hang
    /// The call takes so much longer.
    case delay(Duration)
}

/// The error of a call that was made to fail.
public struct InjectedFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// The number of the call, from 1.
    public var call: Int
    public var fault: Fault

    public init(call: Int, fault: Fault) {
        self.call = call
        self.fault = fault
    }

    public var description: String { "injected: call \(call): \(fault)" }
}
