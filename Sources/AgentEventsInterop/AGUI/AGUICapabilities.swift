import AgentEvents

/// The capabilities of the agents of a service, in the format of AG-UI 1.0.
enum AGUICapabilities {
    static func json(of agent: AgentName) -> JSONValue {
        [
            "identity": ["name": .string(agent.rawValue), "type": "agent-events"],
            "transport": ["streaming": true, "websocket": false, "httpBinary": false, "resumable": true],
            "tools": ["supported": true, "parallelCalls": true, "clientProvided": false],
            "state": ["snapshots": true, "deltas": false, "persistentState": true],
            "multiAgent": ["supported": true, "delegation": true],
            "reasoning": ["supported": true, "streaming": true],
            "humanInTheLoop": ["supported": true, "approvals": true, "interrupts": true, "approveWithEdits": true],
        ]
    }
}
