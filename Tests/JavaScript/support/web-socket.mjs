/** A WebSocket of RFC 6455 over node:net, as far as a test needs one: Node 20 has none. */
import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';

export class WebSocket {
  /** Those that are open, so that a test can cut them. */
  static open = new Set();
  readyState = 0;
  #socket;
  #bytes = Buffer.alloc(0);
  #isUpgraded = false;
  #message = [];
  #close = { code: 1006, reason: '' };

  constructor(url, protocols) {
    const { hostname, port, pathname, host } = new URL(url);
    const key = randomBytes(16).toString('base64');
    this.accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    this.#socket = connect({ host: hostname, port, noDelay: true });
    this.#socket.on('error', () => {});
    this.#socket.on('connect', () => this.#socket.write([
      `GET ${pathname} HTTP/1.1`, `Host: ${host}`, 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${key}`, `Sec-WebSocket-Protocol: ${protocols.join(', ')}`, '', ''].join('\r\n')));
    this.#socket.on('data', piece => {
      this.#bytes = Buffer.concat([this.#bytes, piece]);
      if (!this.#isUpgraded) this.#upgrade();
      while (this.#isUpgraded && this.#frame());
    });
    this.#socket.on('close', () => {
      WebSocket.open.delete(this);
      if (this.readyState === 3) return;
      this.readyState = 3;
      this.onclose?.(this.#close);
    });
  }

  send(text) { if (this.readyState === 1) this.#write(1, Buffer.from(text)); }

  close(code = 1000) {
    if (this.readyState === 1) this.#write(8, Buffer.from([code >> 8, code & 255]));
    this.readyState = 2;
    this.#socket.end();
  }

  /** The network is gone. */
  cut() { this.#socket.destroy(); }

  #upgrade() {
    const end = this.#bytes.indexOf('\r\n\r\n');
    if (end < 0) return;
    const head = this.#bytes.subarray(0, end).toString();
    this.#bytes = this.#bytes.subarray(end + 4);
    if (!head.startsWith('HTTP/1.1 101') || !head.includes(this.accept)) return this.#socket.destroy();
    this.#isUpgraded = true;
    this.readyState = 1;
    WebSocket.open.add(this);
    this.onopen?.({});
  }

  /** @returns whether there was a whole one. */
  #frame() {
    const bytes = this.#bytes;
    if (bytes.length < 2) return false;
    let [start, length] = [2, bytes[1] & 127];
    if (bytes.length < start + 8 && length > 125) return false;
    if (length === 126) [start, length] = [4, bytes.readUInt16BE(2)];
    else if (length === 127) {
      if (bytes.length < 10) return false;
      [start, length] = [10, Number(bytes.readBigUInt64BE(2))];
    }
    if (bytes.length < start + length) return false;
    const payload = bytes.subarray(start, start + length);
    this.#bytes = bytes.subarray(start + length);
    const code = bytes[0] & 15;
    if (code === 9) this.#write(10, payload);
    else if (code === 8) {
      this.#close = { code: payload.length > 1 ? payload.readUInt16BE(0) : 1005, reason: payload.subarray(2).toString() };
      if (this.readyState === 1) this.#write(8, payload);
      this.#socket.end();
    } else if (code < 3) {
      this.#message.push(payload);
      if (bytes[0] & 128) {
        const data = Buffer.concat(this.#message).toString();
        this.#message = [];
        if (this.readyState === 1) this.onmessage?.({ data });
      }
    }
    return true;
  }

  #write(code, payload) {
    const mask = randomBytes(4);
    const { length } = payload;
    const head = length < 126 ? Buffer.from([128 | code, 128 | length]) : Buffer.alloc(length < 65536 ? 4 : 10);
    if (length > 125) {
      head[0] = 128 | code;
      head[1] = 128 | (length < 65536 ? 126 : 127);
      if (length < 65536) head.writeUInt16BE(length, 2);
      else head.writeBigUInt64BE(BigInt(length), 2);
    }
    this.#socket.write(Buffer.concat([head, mask, Buffer.from(payload, 0).map((byte, index) => byte ^ mask[index & 3])]));
  }
}
