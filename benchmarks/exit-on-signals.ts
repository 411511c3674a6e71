/** Ends the process in an orderly way on Ctrl-C and SIGTERM, so that the proxies under test end with it. */
export function exitOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
}
