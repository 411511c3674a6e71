/** What the name of a cluster says, and, without a subset, that of the stats of a listener: `outbound|9090|v1|host`. */
export interface TrafficName {
  readonly direction: 'outbound' | 'inbound'
  readonly port: number
  /** Empty: all of the service. */
  readonly subset: string
  /** Empty for inbound traffic. */
  readonly host: string
}

const FORMAT = /^(outbound|inbound)\|(\d{1,5})\|([^|]*)\|([^|]*)$/

/** undefined for a name that somebody has made up. */
export function parseTrafficName(name: string): TrafficName | undefined {
  const [, direction, port, subset = '', host = ''] = FORMAT.exec(name) ?? []
  if (direction === undefined) return undefined
  return { direction: direction as TrafficName['direction'], port: Number(port), subset, host }
}
