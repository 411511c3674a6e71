/** Why a packet is not looked at; the summary counts them under these words. */
export const LeftOut = {
  LinkType: 'of a link type that is not supported',
  NotIp: 'not IP',
  NotTcp: 'not TCP',
  OtherPort: 'of another port',
  Fragment: 'IP fragments',
  CutOff: 'cut off within their headers',
  Malformed: 'malformed',
} as const
export type LeftOut = (typeof LeftOut)[keyof typeof LeftOut]
