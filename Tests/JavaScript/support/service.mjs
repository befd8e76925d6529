/** The real service as a process: started on a free port, stopped or killed by its process id. */
import './globals.mjs';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from '../../../Sources/AgentEventsServer/Page/agent-events.js';

// `make test` has a build of its own.
const built = process.env.BUILT ?? fileURLToPath(new URL('../../../.build/debug', import.meta.url));
export const binary = process.env.AGENT_EVENTS ?? `${built}/agent-events`;
export const isBuilt = existsSync(binary);
export const secret = 'a secret of at least thirty-two bytes';

/** A folder that is gone afterwards, with one of texts for the guide. */
export function folder() {
  const path = mkdtempSync(join(tmpdir(), 'agent-events-'));
  writeFileSync(join(path, 'secret'), secret, { mode: 0o600 });
  const texts = join(path, 'texts');
  mkdirSync(texts);
  for (const [name, lines] of [['notes', 40], ['parser', 25], ['lexer', 5]]) {
    writeFileSync(join(texts, `${name}.txt`), `The ${name} is beside the parser, and the lexer is before it.\n`.repeat(lines));
  }
  return {
    data: join(path, 'data'), secret: join(path, 'secret'),
    /** The guide, which says its answers ten times as fast as people read. */
    guide: ['--demo', '--demo-folder', texts, '--demo-pace', '80'],
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** A token of HS256 for a user. */
export function token(user, seconds, claims = {}) {
  const encode = value => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const text = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub: user, iat: now, exp: now + seconds, ...claims })}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

export class Service {
  port = 0;
  #process;

  constructor(...options) { this.options = options; }

  /** Starts it: on the port from before, when it had one. */
  async start() {
    this.#process = spawn(binary, ['serve', '--port', `${this.port}`, ...this.options], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    const errors = [];
    this.#process.stderr.on('data', piece => errors.push(piece));
    this.ended = new Promise(resolve => this.#process.on('exit', resolve));
    this.port = await new Promise((resolve, reject) => {
      this.#process.stdout.on('data', piece => {
        said += piece;
        const found = /(?:https?|wss?):\/\/[^\s/]*?:(\d+)[^\n]*\n/.exec(said);
        if (found) resolve(Number(found[1]));
      });
      this.ended.then(code => reject(new Error(`the service ended with ${code}: ${said} ${Buffer.concat(errors)}`)));
    });
    return this;
  }

  get url() { return `http://127.0.0.1:${this.port}`; }

  /** SIGKILL: nothing is finished, nothing is said. */
  async kill() {
    this.#process.kill('SIGKILL');
    await this.ended;
  }

  async stop() {
    this.#process.kill('SIGTERM');
    return this.ended;
  }

  async request(method, path, body, authorization) {
    const headers = { ...(body && { 'content-type': 'application/json' }), ...(authorization && { authorization: `Bearer ${authorization}` }) };
    const answer = await fetch(this.url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    const text = await answer.text();
    return { status: answer.status, text, body: text.startsWith('{') ? parse(text) : text };
  }

  /** All committed events of a thread. */
  async events(thread, authorization) {
    const events = [];
    for (let after = ''; after !== null;) {
      const { body } = await this.request('GET', `/v1/threads/${thread}/events?limit=1000${after && `&after=${after}`}`, undefined, authorization);
      if (!body.events?.length) break;
      events.push(...body.events);
      after = body.next;
    }
    return events;
  }
}
