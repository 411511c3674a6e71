import type { Locality } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'

/** Field `locality`; undefined when it says nothing. */
export function convertLocality(owner: ConfigMessage): Locality | undefined {
  const locality = owner.message('locality')
  const [region = '', zone = '', subZone = ''] = [
    locality?.text('region'),
    locality?.text('zone'),
    locality?.text('sub_zone'),
  ]
  return region === '' && zone === '' && subZone === '' ? undefined : { region, zone, subZone }
}
