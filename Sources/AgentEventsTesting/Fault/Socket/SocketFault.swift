/// A fault of a connection through a ``FaultProxy``. One connection may have several; of two of a kind, the later one
/// counts.
@nonexhaustive
public enum SocketFault: Hashable, Sendable {
    /// The connection is accepted, and reset at once.
    case refuse
    /// The connection is accepted, and nothing passes either way until the test releases it.
    case hang
    /// The connection ends when a number of bytes have passed in a direction. The number is in the range, and made from
    /// the plan's seed.
    case cut(SocketCut, after: ClosedRange<Int>, SocketDirection)
    /// When this number of bytes have come from one side, nothing more is read from it until the test releases it: its
    /// window goes to zero.
    case stopReading(after: Int, SocketDirection)
    /// Whatever comes is passed on so much later, each piece by its own.
    case delay(LatencyDistribution)
    /// So many bytes pass in a second, in each direction.
    case throttle(bytesPerSecond: Int)
    /// Each write has at most this number of bytes.
    case slice(Int)

    /// The connection ends when exactly this number of bytes have passed in a direction.
    public static func cut(
        _ how: SocketCut = .close, afterBytes count: Int, _ direction: SocketDirection = .toClient
    ) -> SocketFault {
        .cut(how, after: count...count, direction)
    }
}

extension SocketFault: CustomStringConvertible {
    public var description: String {
        switch self {
        case .refuse: "refuse"
        case .hang: "hang"
        case .cut(let how, let range, let direction):
            "\(Self.name(how)) after \(Self.text(range)) bytes \(Self.text(direction))"
        case .stopReading(let count, let direction): "stop reading after \(count) bytes \(Self.text(direction))"
        case .delay(let distribution): "delay \(distribution)"
        case .throttle(let rate): "throttle to \(rate) bytes/s"
        case .slice(let count): "slices of \(count) bytes"
        }
    }

    private static func name(_ cut: SocketCut) -> String {
        switch cut {
        case .close: "close"
        case .reset: "reset"
        case .halfOpen: "half-open"
        }
    }

    private static func text(_ range: ClosedRange<Int>) -> String {
        range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
    }

    private static func text(_ direction: SocketDirection) -> String {
        switch direction {
        case .toClient: "to the client"
        case .toService: "to the service"
        }
    }
}

/// A direction of a connection through a ``FaultProxy``.
public enum SocketDirection: Hashable, Sendable, CaseIterable {
    case toClient
    case toService
}

/// The way in which a connection ends.
@nonexhaustive
public enum SocketCut: Hashable, Sendable, CaseIterable {
    /// In order, as if each side had closed it: both have received everything up to there, and then its end.
    case close
    /// By a reset: what was on its way may be lost.
    case reset
    /// Not at all: it stays open to either side, and what they send goes nowhere.
    case halfOpen
}

/// A fault that befell a connection.
public struct InjectedSocketFault: Hashable, Sendable, CustomStringConvertible {
    /// The number of the connection, from 1.
    public var connection: Int
    public var fault: SocketFault

    public init(connection: Int, fault: SocketFault) {
        self.connection = connection
        self.fault = fault
    }

    public var description: String { "injected: connection \(connection): \(fault)" }
}
