import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

import { eventually } from '../../support/eventually.ts';

/** A connection on which a test says what no HTTP client would. */
export class RawExchange {
  readonly socket: Socket;
  received = '';
  closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('utf8').on('data', (text: string) => {
      this.received += text;
    });
    socket.on('close', () => {
      this.closed = true;
    });
    socket.on('error', () => undefined);
  }

  static async open(port: number): Promise<RawExchange> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new RawExchange(socket);
  }

  send(...lines: readonly string[]): void {
    this.socket.write(lines.join('\r\n'));
  }

  async untilClosed(withinMs = 5_000): Promise<string> {
    await eventually('the connection is closed', () => this.closed, withinMs);
    return this.received;
  }

  async untilReceived(text: string, withinMs = 5_000): Promise<string> {
    await eventually(`"${text}" is received`, () => this.received.includes(text), withinMs);
    return this.received;
  }
}
