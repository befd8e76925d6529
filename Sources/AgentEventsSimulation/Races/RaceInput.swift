import AgentEvents
import AgentEventsHub

/// Something that happens to a run, and may come before or after everything else that does.
package enum RaceInput: String, CaseIterable, Hashable, Sendable {
    /// The agents take their next step.
    case step
    /// The bodies of tools that work return.
    case toolEnd = "tool-end"
    /// Whatever is open is stopped.
    case stop
    /// The run is paused.
    case pause
    /// The run is resumed.
    case resume
    /// The question of the run is answered.
    case yes
    case no
    /// The time for an answer is over, and with it every shorter time.
    case expiry
    /// Messages, under the policies that differ in a busy thread.
    case queue
    case steer
    case supersede
    /// The process is killed, and another one opens its log.
    case restart
    /// The process stops in order, and another one opens its log.
    case deploy

    var policy: ConcurrencyPolicy? {
        switch self {
        case .queue: .queue
        case .steer: .steer
        case .supersede: .supersede
        case .step, .toolEnd, .stop, .pause, .resume, .yes, .no, .expiry, .restart, .deploy: nil
        }
    }
}

/// The run before the inputs.
package enum RaceScene: String, CaseIterable, Hashable, Sendable {
    /// It has said something, and would call a tool next.
    case running
    /// It has called a tool, and asks if its body may begin.
    case asking
}

/// Inputs in their order, from a scene on.
package struct Race: Hashable, Sendable, CustomStringConvertible {
    package var scene: RaceScene
    package var inputs: [RaceInput]

    package init(_ scene: RaceScene, _ inputs: [RaceInput]) {
        self.scene = scene
        self.inputs = inputs
    }

    /// `asking:yes,stop`.
    package var description: String { "\(scene.rawValue):\(inputs.map(\.rawValue).joined(separator: ","))" }

    /// Reads what ``description`` writes.
    package init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let scene = RaceScene(rawValue: String(parts[0])) else { return nil }
        var inputs: [RaceInput] = []
        for name in parts[1].split(separator: ",") {
            guard let input = RaceInput(rawValue: String(name)) else { return nil }
            inputs.append(input)
        }
        self.init(scene, inputs)
    }
}
