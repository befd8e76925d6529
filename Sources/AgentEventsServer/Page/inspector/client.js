/** The client that applications use, from where the service has it. */
export { AgentEvents, Fold, parse, stringify } from '/client/agent-events.js';
export { followThreads, inOrder } from '/client/agent-events-threads.js';
