/** Modules of pages are found where the service has them. */
import { register } from 'node:module';

const client = new URL('../../../Sources/AgentEventsServer/Page/agent-events.js', import.meta.url).href;
register(`data:text/javascript,${encodeURIComponent(`
export function resolve(name, context, next) {
  return next(name === '/client/agent-events.js' ? ${JSON.stringify(client)} : name, context);
}`)}`);
