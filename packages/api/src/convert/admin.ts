import type { ProxyConfig } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { convertAddress } from './address.ts'

const FILE_LOG_TYPE = 'envoy.extensions.access_loggers.file.v3.FileAccessLog'
const NOWHERE = '/dev/null'

/** Reads `admin`: where its pages are, and the files that tell who has called them. */
export function convertAdmin(admin: ConfigMessage | undefined): Pick<ProxyConfig, 'admin' | 'adminAccessLogs'> {
  const files = [admin?.text('access_log_path') ?? '', ...(admin?.messages('access_log') ?? []).map(convertAccessLog)]
  const adminAccessLogs = files.filter((file) => file !== '' && file !== NOWHERE)
  return {
    admin: admin?.has('address') ? convertAddress(admin, 'address', 'ip') : undefined,
    ...(adminAccessLogs.length === 0 ? {} : { adminAccessLogs }),
  }
}

/** The file; empty, with problems, when it is another kind of log. */
function convertAccessLog(log: ConfigMessage): string {
  const config = log.any('typed_config')
  if (config === undefined) log.reportMissing('typed_config')
  else if (config.typeName === FILE_LOG_TYPE && config.message !== undefined) return config.message.text('path')
  else log.problems.refuse(config, `access log ${config.typeName} of the admin pages is not supported yet`)
  return ''
}
