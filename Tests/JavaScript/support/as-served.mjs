/** Modules of pages are found where the service has them. */
import { register } from 'node:module';

const page = new URL('../../../Sources/AgentEventsServer/Page/', import.meta.url).href;
register(`data:text/javascript,${encodeURIComponent(`
export function resolve(name, context, next) {
  return next(name.replace(/^\\/client\\//, ${JSON.stringify(page)}), context);
}`)}`);
