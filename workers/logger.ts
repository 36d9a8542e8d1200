import { DefaultLogger, Runtime, type LogLevel } from '@temporalio/worker';
import { pino } from 'pino';

const levels = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;

/**
 * One JSON line per event on standard error, for the SDK and for our code alike. Must run before the first connection,
 * because a process has one Temporal runtime. Values under names that hold credentials are cut out as a last resort.
 */
export function installLogger(level: LogLevel): void {
  const log = pino(
    {
      level: levels[level],
      redact: { paths: ['*.token', '*.secret', '*.authorization', '*.password'], censor: '[redacted]' },
    },
    pino.destination(2),
  );
  Runtime.install({
    logger: new DefaultLogger(level, ({ level: at, message, meta }) => log[levels[at]](meta ?? {}, message)),
    // The SDK's default list has SIGUSR2 too, which profilers send.
    shutdownSignals: ['SIGINT', 'SIGTERM'],
  });
}
