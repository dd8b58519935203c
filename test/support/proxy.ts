import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/**
 * What a proxy does with what it is sent.
 *
 * - `forward`: hands it on.
 * - `blackhole`: takes connections and bytes, and says nothing. Connections that were there when it
 *   began never come to life again, as behind a router that forgot them.
 * - `slow`: hands every piece on after {@link Proxy.delay}.
 */
export type ProxyMode = 'forward' | 'blackhole' | 'slow';

export interface Proxy {
  readonly port: number;
  mode: ProxyMode;
  /** In milliseconds. */
  delay: number;
}

/** A proxy on loopback that fails as networks do; it goes when the test does. */
export async function startProxy(target: { host: string; port: number }): Promise<Proxy> {
  const sockets = new Set<Socket>();
  let mode: ProxyMode = 'forward';
  let outages = 0;
  const server = createServer((socket) => {
    const upstream = connect(target);
    const outagesBefore = outages;
    const isCutOff = (): boolean => mode === 'blackhole' || outages > outagesBefore;
    const pass = (from: Socket, to: Socket): void => {
      sockets.add(from);
      from.on('data', (chunk) => {
        if (isCutOff()) return;
        setTimeout(
          () => {
            if (!isCutOff() && !to.destroyed) to.write(chunk);
          },
          mode === 'slow' ? proxy.delay : 0,
        );
      });
      from.on('error', () => undefined);
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    };
    pass(socket, upstream);
    pass(upstream, socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: Proxy = {
    port: (server.address() as AddressInfo).port,
    delay: 0,
    get mode() {
      return mode;
    },
    set mode(next) {
      mode = next;
      if (next === 'blackhole') outages++;
    },
  };
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return proxy;
}
