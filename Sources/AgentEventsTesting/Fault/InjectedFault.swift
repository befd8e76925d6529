/// The error of a call that was made to fail.
public struct InjectedFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// Which call, from 1.
    public var call: Int
    public var fault: Fault

    public init(call: Int, fault: Fault) {
        self.call = call
        self.fault = fault
    }

    public var description: String { "injected: call \(call): \(fault)" }
}
